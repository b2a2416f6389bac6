"""The digits: found, checked and loaded."""

from mnist.data.dataset import CLASSES, PIXELS, Dataset, Split
from mnist.data.search import Name, load

__all__ = ["CLASSES", "PIXELS", "Dataset", "Name", "Split", "load"]
