"""Drawings. They draw what others computed, and compute nothing of their own."""

from viz.explorer import explore

__all__ = ["explore"]
