# %% [markdown]
# # 3 · Why a topological order
#
# On the way back a number must wait until everything that was made from it has reported.
#
# `slope` of lesson 1 was right, but it walked every *way* from the result to x one by one. This lesson
# counts these ways, tries a quick repair that gives wrong numbers, and then finds the order in which one
# visit to each number is enough.

# %%
import autodiff as ad
import viz
from autodiff.backward import ancestry, walk
from mnist.lessons.exercises.exercise_03 import exercise
from mnist.lessons.showing import point, show

# %% [markdown]
# ## Too many ways
#
# Double a number by adding it to itself, and do that again and again:


# %%
def doubled(times):
    x = ad.Tensor(1.0, requires_grad=True)
    z = x
    for _ in range(times):
        z = z + z
    return x, z


def pass_on(variable, cotangent, totals):
    """Hand a slope back along every way, as lesson 1 did; return how many visits that took."""
    totals[id(variable)] = totals.get(id(variable), 0) + cotangent
    if variable.node is None:
        return 1
    shares = zip(variable.node.inputs, variable.node.primitive.rules, strict=True)
    arguments = [variable, *variable.node.inputs]
    return 1 + sum(
        pass_on(operand, float(rule(cotangent, *arguments)), totals) for operand, rule in shares
    )


# %% [markdown]
# (In place of `slope(z, x)`, which asks from x's side, `pass_on` starts at the result and hands slopes
# backward. What arrives at a number is called its **cotangent**: the slope of the final result by that
# number. `node.primitive.rules` has a rule for each operand; each is given the cotangent, the result and
# the operands, and returns what to hand on, as in lesson 2.)
#
# **Predict.** With 3 doublings the result is 2·2·2 = 8 times x, and the tape has 3 lines. How many visits
# does `pass_on` make? And with 12 doublings, 12 lines: about 12, about 150, or more than 8,000?

# %%
for times in (1, 2, 3, 6, 12):
    x, z = doubled(times)
    totals = {}
    visits = pass_on(z, 1.0, totals)
    print(f"{times:2} lines on the tape: slope {totals[id(x)]:6.0f}, {visits:5} visits")

# %% [markdown]
# Right, and hopeless: each doubling doubles the number of ways. In a network, too, each step that is used
# in several places multiplies the number of ways.
#
# ## A tempting repair
#
# “Visit each number only once, then.” Add up what has come *so far*, pass it on, and never come back:


# %%
def once(variable, totals, cotangent, visited):
    """Hand slopes back, visiting each number at its first turn only. (Wrong!)"""
    totals[id(variable)] = totals.get(id(variable), 0) + cotangent
    if variable.node is None or id(variable) in visited:
        return
    visited.add(id(variable))
    arguments = [variable, *variable.node.inputs]
    for operand, rule in zip(variable.node.inputs, variable.node.primitive.rules, strict=True):
        once(operand, totals, float(rule(totals[id(variable)], *arguments)), visited)


x = ad.Tensor(3.0, requires_grad=True, name="x")
a = x * x
a.name = "a"
b = a * a
b.name = "b"
z = a + b
z.backward()
totals = {}
once(z, totals, 1.0, set())
print("z = a + b with a = x², b = a²; slope by x, pen and paper: 2x + 4x³ =", 2 * 3 + 4 * 27)
print("each at its first turn:", totals[id(x)])
print("the engine:            ", x.grad.item())

# %% [markdown]
# What went wrong? z hands 1 to a *and* 1 to b. The walk goes to a first, which passes its 1 on to x at
# once. Later b reports to a as well: a's slope grows to 19, but a has already had its turn. Nobody tells x.
#
# ## The cure: wait
#
# a must have its turn *after b*, because b was made from a. In general: **a number's turn comes when
# everything made from it has had its turn.** An order with this property is called *topological*.
#
# The engine gets it for nothing. A result is always younger than what it was made from. So: from the
# youngest to the oldest.

# %%
oldest_first = ancestry(z)
ages = [(variable.name or "z", variable.node.moment if variable.node else 0) for variable in oldest_first]
print("name and moment:", ages)


def from_young_to_old(result):
    """Hand slopes back, each number once, in its order; return them and how many visits."""
    totals = {id(result): 1.0}
    variables = ancestry(result)
    for variable in reversed(variables):
        if variable.node:
            arguments = [variable, *variable.node.inputs]
            for operand, rule in zip(variable.node.inputs, variable.node.primitive.rules, strict=True):
                share = float(rule(totals[id(variable)], *arguments))
                totals[id(operand)] = totals.get(id(operand), 0) + share
    return totals, len(variables)


totals, visits = from_young_to_old(z)
print("in topological order:", totals[id(x)], "with", visits, "visits")
x, z = doubled(50)
totals, visits = from_young_to_old(z)
print(f"50 doublings: slope {totals[id(x)]:,.0f}, {visits} visits, not {2**51 - 1:,}")

# %% [markdown]
# This loop is the whole of *backpropagation*. In the engine it reads so:

# %%
point(ancestry, "found.sort(key=_age)")
point(walk, "for variable in reversed(variables):")
point(walk, "cotangent = cotangents.pop(id(variable), None)")

# %% [markdown]
# On the page `a` is called t1, and b is t1·t1. Step backward and watch dt1, the slope by `a`: it is handed
# on only when both contributions have come.


# %%
def diamond(x):
    a = x * x
    b = a * a
    return a + b


show(viz.explore(diamond, ad.Tensor(3.0, name="x"), title="a = t1 waits for b = t1·t1"), "03_a_waits_for_b")

# %% [markdown]
# ## Exercise
#
# Not every tape knows ages. Given is a dict that says what each result was made from, for instance `{"z":
# ["a", "b"], "b": ["a"], "a": ["x"]}`. Write `order(made_from, result)`, which returns the names that led
# to `result`, itself first, such that each comes after everything that was made from it: here `["z", "b",
# "a", "x"]`.


# %%
def order(made_from, result):
    """Return names in an order in which slopes can be handed back."""
    return ...


exercise.check(order)

# %% [markdown]
# **Next:** lesson 4: why do the reports *add*?
