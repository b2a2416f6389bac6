# %% [markdown]
# # 8 · Kinks and conventions
#
# Where a function has a corner there is no slope; an engine must say one all the same, and say which.
#
# School says: |x| has no derivative at 0. A program cannot leave it at that, since zeros are everywhere: a
# dark pixel is exactly 0. This lesson looks at corners, at ties, and at the trap that puts NaN into good
# networks.

# %%
import itertools

import numpy as np

import autodiff as ad
from autodiff import conventions
from mnist.lessons.exercises.exercise_08 import exercise
from mnist.lessons.showing import point, show
from viz.figures import BLUE, ORANGE, new_figure

# %% [markdown]
# ## Corners

# %%
xs = np.linspace(-2, 2, 401)
figure = new_figure(9, 3.2)
for axes, (name, f) in zip(figure.subplots(1, 2), {"relu": ad.relu, "abs": ad.abs}.items(), strict=True):
    slopes = ad.grad(lambda x, f=f: f(x).sum())(xs).data
    axes.plot(xs, f(xs), color=BLUE, label=f"{name}(x)")
    axes.plot(xs, slopes, ".", color=ORANGE, markersize=2, label="its slope, says the engine")
    axes.plot([0], [ad.grad(f)(0.0).item()], "o", color=ORANGE)
    axes.set(xlabel="x")
    axes.legend()
show(figure, "08_kinks")

# %% [markdown]
# relu(x) is x where x > 0, and 0 elsewhere: the most common function between the layers of a network. Left
# of the corner its slope is 0, right of it 1. Trying at the corner itself:

# %%
nudge = 1e-6
print("to the right:", (ad.relu(0.0 + nudge) - ad.relu(0.0)) / nudge)
print("to the left: ", (ad.relu(0.0) - ad.relu(0.0 - nudge)) / nudge)
print("to both:     ", (ad.relu(0.0 + nudge) - ad.relu(0.0 - nudge)) / (2 * nudge))

# %% [markdown]
# Three tries, three answers. Every number from 0 to 1 would be defensible, so it is a **convention**. This
# engine takes TensorFlow's, so that networks can be compared number by number.
#
# **Predict.** What does the engine say of relu at 0? And of `maximum(x, 0)`, which is the same function,
# but written as “the larger of two” (at 0 there is a tie)?

# %%
print("relu at 0:         ", ad.grad(ad.relu)(0.0).item())
print("maximum(x, 0) at 0:", ad.grad(lambda x: ad.maximum(x, 0.0))(0.0).item())
print("maximum(0, x) at 0:", ad.grad(lambda x: ad.maximum(0.0, x))(0.0).item())

# %% [markdown]
# One function, different slopes, according to how it is written: at a tie the gradient goes to the first.
# This is the most common answer to “why does my gradient differ from the framework's?”. All such decisions
# of this engine stand in one table, which is tested row by row; this is its beginning (`python -m
# autodiff.conventions` prints all of it):

# %%
for line in itertools.takewhile(lambda line: line != "at a bound", conventions.card()):
    print(line)
point(ad.relu, '@primitive("relu"')
point(ad.maximum, "where(greater_equal(a, b), g, 0.0)")

# %% [markdown]
# ## The trap: a NaN that nobody chose
#
# √x is fine for x > 0. At 0 its slope is infinite, and below it does not exist. So we choose: √x where x >
# 0, else 0.

# %%
x = ad.Tensor([4.0, 1.0, 0.0], requires_grad=True)
y = ad.where(x.data > 0, ad.sqrt(x), 0.0)
print("values:", y.data)

# %% [markdown]
# The values are perfect. At x = 0 the 0 was chosen, a constant, so surely the slope there is 0?

# %%
with np.errstate(all="ignore"):
    y.sum().backward()
print("slopes:", x.grad.data)

# %% [markdown]
# NaN, “not a number”. What happened? `where` computes *both* branches and then chooses. On the way back it
# sends 0 to the branch not chosen. But the rule of the square root divides by 2√x, and **0 / 0 is NaN**.
# Zero times whatever is zero, on paper; on a computer, zero times infinity is not.
#
# The cure is to keep bad numbers out of the branch *before* it computes: **where on the inside, and where
# on the outside.**
#
# `with ad.anomaly():` finds such a place for you. (It writes the rule of y = √a as a formula: ā is the
# cotangent of a, and ȳ that of y, which we called g.)

# %%
try:
    with np.errstate(all="ignore"), ad.anomaly():
        ad.where(x.data > 0, ad.sqrt(x), 0.0).sum().backward()
except FloatingPointError as error:
    print(error)

# %% [markdown]
# ## Exercise
#
# Write `safe_sqrt(x)` for a Tensor x: √x where x > 0, and 0 elsewhere, with slope 1/(2√x) where x > 0, and
# 0 elsewhere.


# %%
def safe_sqrt(x):
    """√x where x > 0, else 0, in value and in slope."""
    return ad.where(x.data > 0, ad.sqrt(x), 0.0)


exercise.check(safe_sqrt)

# %% [markdown]
# **Next:** lesson 9: the most beautiful cancellation of machine learning.
