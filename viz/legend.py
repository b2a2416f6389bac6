"""What a picture says of itself: which shape and which arrow means what."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise

import graphviz

from viz import style
from viz.labels import text

_ACROSS = 2
"""How many entries stand side by side."""


def add_legend(main: graphviz.Digraph, kinds: Container[str], passes: str) -> None:
    """Add a frame that says what the kinds of nodes in a picture look like, and what its arrows mean."""
    looks = style.STYLES | {
        "operation": style.OPERATION,
        "fold": style.FOLD,
        "saved": style.STYLES["result"] | style.SAVED,
        "sum": style.SUM,
    }
    with main.subgraph(name="cluster_legend") as legend:
        legend.attr(label="how to read it", style="dotted", color=style.FRAME, fontsize="14")
        shown = [kind for kind in style.TITLES if kind in kinds]
        rows = [shown[i : i + _ACROSS] for i in range(0, len(shown), _ACROSS)]
        for row in rows:
            with legend.subgraph() as level:
                level.attr(rank="same")
                for kind in row:
                    level.node(f"legend_{kind}", style.TITLES[kind], **looks[kind])
                for left, right in pairwise(row):
                    level.edge(f"legend_{left}", f"legend_{right}", style="invis")
        legend.node("legend_arrows", text(*style.ARROWS[passes]), shape="plaintext", style="")
        for (above, *_), (below, *_) in pairwise([*rows, ["arrows"]]):
            legend.edge(f"legend_{above}", f"legend_{below}", style="invis")
