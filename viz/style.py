"""How pictures of computations look: a shape and a colour for each kind of node.

The colours are tints of the palette of M. Okabe and K. Ito, Color universal design (2008), which the colour-blind can
tell apart; the shapes alone tell as much.
"""

from __future__ import annotations

_INK = "#1A1A1A"
_GRADIENT = "#A34700"
_FONT = "Helvetica,Arial,sans-serif"
FRAME = "#767676"
"""The colour of what is drawn around layers."""

GRAPH = {
    "rankdir": "TB",
    "labelloc": "t",
    "fontname": _FONT,
    "fontsize": "18",
    "fontcolor": _INK,
    "bgcolor": "#FFFFFF",
    "nodesep": "0.4",
}
NODE = {"fontname": _FONT, "fontsize": "12", "fontcolor": _INK, "color": "#444444", "style": "filled"}
EDGE = {"fontname": _FONT, "fontsize": "11", "fontcolor": _INK, "color": "#444444"}

STYLES = {
    "input": {"shape": "invhouse", "fillcolor": "#CDE7F8"},
    "parameter": {"shape": "hexagon", "fillcolor": "#FBE3B3"},
    "constant": {"shape": "note", "fillcolor": "#EDEDED"},
    "result": {"shape": "box", "fillcolor": "#FFFFFF"},
    "output": {"shape": "octagon", "fillcolor": "#F3CFE2"},
}
"""By the kind of a value."""

OPERATION = {"shape": "ellipse", "fillcolor": "#CFEDE2"}
FOLD = {"shape": "box3d", "fillcolor": "#CFEDE2"}
SUM = {"shape": "circle", "fillcolor": "#FFFFFF", "color": _GRADIENT, "fontcolor": _GRADIENT, "margin": "0.02"}
SAVED = {"peripheries": "2", "color": "#A34700"}
BACKWARD = {"style": "dashed", "dir": "back", "color": _GRADIENT, "fontcolor": _GRADIENT}
SPINE = {"weight": "8"}
"""The way from the first operand to the result runs straight down."""
SAVED_EDGE = {"style": "dotted", "color": "#444444"}

TITLES = {
    "input": "data",
    "parameter": "parameter",
    "constant": "constant",
    "operation": "operation, and the rule of each operand",
    "fold": "several operations, folded",
    "result": "result",
    "saved": "saved for the backward pass",
    "sum": "+  adds\ngradients",
    "output": "output, such as the loss",
}
"""What each kind of node is called, in the order of the legend."""

_FORWARD = ["solid arrow: a value, forward", "a, b, …: what its rules call an operand; y: the result"]
_BACKWARD = ["dashed arrow: a gradient, backward", "ā: the gradient with respect to a"]
ARROWS = {
    "forward": _FORWARD,
    "backward": [*_BACKWARD, "dotted arrow: a value that was saved"],
    "both": [*_FORWARD, *_BACKWARD],
}
"""What the legend says of arrows."""
