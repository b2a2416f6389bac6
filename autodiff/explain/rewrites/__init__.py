"""The rules by which `simplify.py` brings a graph to the form of textbooks.

Each is an identity of mathematics, true of any computation. It is given an operation, and what builds operations; it
returns a value that equals the operation's result up to rounding, or None where it has nothing to say. A rewrite that
would change a shape or a dtype is not made. Where digits or infinities are at stake, the docstring says so.
"""

from __future__ import annotations

from autodiff.explain.rewrites import algebra, arrays, networks
from autodiff.explain.rewrites.rule import Rule

RULES: tuple[Rule, ...] = (
    networks.exp_of_log_softmax,
    networks.rule_of_log_softmax,
    networks.scatter_of_number,
    networks.sum_of_one_hot,
    arrays.sum_to_as_sum,
    arrays.needless_broadcast,
    arrays.broadcast_of_broadcast,
    arrays.decided_where,
    arrays.double_transpose,
    arrays.transpose_of_product,
    algebra.neutral,
    algebra.arithmetic,
    algebra.number_first,
    algebra.negative_number,
    algebra.number_times_number,
    algebra.twice,
    algebra.sign_of_sum,
    algebra.sign_of_product,
    algebra.sign_turns_difference,
    algebra.factor_of_product,
    algebra.factor_of_linear,
    algebra.common_factor,
    networks.number_through_relu,
    networks.complement_of_sigmoid,
)
"""In the order in which they are tried."""
