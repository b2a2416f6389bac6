"""A page on which to draw a digit, and to see what a trained network makes of it."""
