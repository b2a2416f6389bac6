"""Drawings. They draw what others computed, and compute nothing of their own."""
