"""Drawings. They draw what others computed, and compute nothing of their own."""

from viz.draw import draw
from viz.explorer import explore
from viz.picture import Picture

__all__ = ["Picture", "draw", "explore"]
