# %% [markdown]
# # 5 · A vector times a Jacobian that nobody builds
#
# With arrays, the slopes of one step are a whole table; backward needs only one row times that table, and
# never the table.
#
# So far numbers were single. Now one step takes n numbers to m numbers, and each of the m may depend on
# each of the n. That is m × n slopes, for one step. This table is called the **Jacobian**. We shall look at
# a few, and then learn to do without.

# %%
import time

import numpy as np

import autodiff as ad
from autodiff.backward import _contributions
from mnist.lessons.exercises.exercise_05 import exercise
from mnist.lessons.showing import point, show
from viz.figures import DIVERGING, new_figure

# %% [markdown]
# ## What a Jacobian looks like
#
# Row i, column j: how much result i moves when operand j does. `ad.jacobian` works it out, row by row; for
# learning, not for use. Four steps that take 6 numbers to 6 (or, for the sum, to 1):

# %%
x = np.array([0.5, -1.0, 0.2, 1.5, -0.3, 0.8])
steps = {"exp, each by itself": ad.exp, "cumsum, running total": ad.cumsum, "softmax": ad.softmax, "sum": ad.sum}

figure = new_figure(10, 3.2)
for axes, (name, step) in zip(figure.subplots(1, 4), steps.items(), strict=True):
    table = np.atleast_2d(ad.jacobian(step)(x).data)
    size = np.abs(table).max()
    axes.imshow(table, cmap=DIVERGING, vmin=-size, vmax=size)
    axes.set(title=name, xlabel="operand j", ylabel="result i", xticks=[], yticks=[])
show(figure, "05_jacobians")

print("exp:")
print(ad.jacobian(ad.exp)(x[:3]).data.round(3))

# %% [markdown]
# exp works on each number by itself, so all slopes off the diagonal are 0. In a running total, result i is
# moved by every operand up to i. In softmax everybody moves everybody. Each operation has its own pattern.
#
# ## What backward asks for
#
# There is one number at the end, the loss L. Say we already know g, the slope of L by each *result* of the
# step. Which is the slope of L by operand j? Operand j moves every result i by J[i, j], and result i moves
# L by g[i] for each 1 that it moves; all these movements add (lesson 4):
#
#     slope by operand j  =  g[0]·J[0, j] + g[1]·J[1, j] + …        that is:  g @ J
#
# A row of numbers times a table: a **vector–Jacobian product**, vjp for short. For exp the table is a
# diagonal, and `g @ J` is nothing but g times the diagonal, number by number:

# %%
g = np.array([1.0, 10.0, 100.0, 0.0, -1.0, 2.0])
print("by the table:  ", (g @ ad.jacobian(ad.exp)(x).data).round(3))
print("without table: ", (g * np.exp(x)).round(3))

# %% [markdown]
# And that is the rule of exp in the engine, word for word:

# %%
point(ad.exp, '@primitive("exp"')

# %% [markdown]
# Even where the table is full there is a shortcut. Softmax (lesson 9) has p[i]·(1 − p[i]) on its diagonal
# and −p[i]·p[j] elsewhere. Multiply by g, collect terms, and the table is gone: p · (g − Σ g·p).

# %%
p = np.exp(x) / np.exp(x).sum()
print("by the table:  ", (g @ ad.jacobian(ad.softmax)(x).data).round(3))
print("without table: ", (p * (g - np.sum(g * p))).round(3))
point(ad.softmax, "lambda g, out, a, axis: multiply(out")

# %% [markdown]
# ## What it saves
#
# The first layer of a digit network takes a batch of 64 images, each 784 pixels, and multiplies them by a
# table of 784 × 128 weights, which gives 64 × 128 results.
#
# **Predict.** How many numbers has the Jacobian of the 64 × 128 results by the 784 × 128 weights? About as
# many as there are weights (100,000), about a million, or about a billion?

# %%
rng = np.random.default_rng(0)
images, weights = rng.random((64, 784)), ad.Tensor(rng.standard_normal((784, 128)), requires_grad=True)
entries = (64 * 128) * (784 * 128)
print(f"{entries:,} slopes, which is {entries * 8 / 1e9:.1f} GB")

results, pullback = ad.vjp(lambda w: images @ w, weights.detach())
begin = time.perf_counter()
(gradient,) = pullback(rng.standard_normal(results.shape))
print(f"the product with it: {gradient.size:,} numbers, in {1000 * (time.perf_counter() - begin):.1f} ms")

# %% [markdown]
# `ad.vjp(f, x)` gives the result and the **pullback**, the function from g to g @ J. Everything in
# `backward` is a chain of pullbacks; each takes a g of its result's shape and hands on one of its operand's
# shape. Nowhere is there a table.
#
# Why from the end, and not from the beginning? From the beginning one would have to carry a table with a
# column for each weight. From the end there is one row, because there is *one* loss.
#
# This is where the engine runs the rule of an operand:

# %%
point(_contributions, "rule(cotangent, *arguments")

# %% [markdown]
# ## Exercise
#
# y = cumsum(x) is the running total: y[i] = x[0] + … + x[i]. Write its pullback: given g, the slopes by y,
# return the slopes by x.


# %%
def cumsum_pullback(g):
    """Return g @ J for y = cumsum(x)."""
    return ...


exercise.check(cumsum_pullback)

# %% [markdown]
# **Next:** lesson 6: what if the shapes of the operands differ?
