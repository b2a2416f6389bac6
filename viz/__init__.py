"""Drawings. They draw what others computed, and compute nothing of their own."""

from viz.draw import draw
from viz.explorer import Page, explore
from viz.picture import Picture

__all__ = ["Page", "Picture", "draw", "explore"]
