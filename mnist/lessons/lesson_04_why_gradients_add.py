# %% [markdown]
# # 4 · Why gradients add
#
# A number that is used twice moves the result twice, so what comes back along its uses is added up.
#
# The little `+=` in every autograd engine is the line that beginners get wrong first. This lesson shows
# where it comes from, and three places where you meet it: a number used twice, a weight shared by many
# examples, and `.grad` itself.

# %%
import numpy as np

import autodiff as ad
import viz
from autodiff.backward import _total_grad, walk
from mnist.lessons.exercises.exercise_04 import exercise
from mnist.lessons.showing import point, show
from viz.figures import BLUE, GREY, ORANGE, new_figure

# %% [markdown]
# ## One number, two slots
#
# z = x · sin(x) uses x in two places. Pretend that they were two numbers, u · sin(v), and nudge first one,
# then the other, then both:

# %%
x, nudge = 2.0, 1e-6
z = x * np.sin(x)
by_first = ((x + nudge) * np.sin(x) - z) / nudge
by_second = (x * np.sin(x + nudge) - z) / nudge
by_both = ((x + nudge) * np.sin(x + nudge) - z) / nudge
print(f"first place alone {by_first:.4f}, second place alone {by_second:.4f}, both together {by_both:.4f}")

# %% [markdown]
# A small nudge of both moves the result by the sum of the two movements. (Not quite: there is also nudge ×
# nudge × something, which is a millionth of a millionth. That is what “derivative” leaves out.) At school
# this was the product rule, u′v + uv′; here you see what the plus means: **x has two ways to the result,
# and both movements arrive.**
#
# So on the way back, each use of x sends a contribution, and x adds them up:

# %%
x = ad.Tensor(2.0, requires_grad=True)
z = x * ad.sin(x)
z.backward()
print("the engine:", x.grad.item())

points = np.linspace(-4, 4, 200)
figure = new_figure(8, 4)
axes = figure.subplots()
axes.plot(points, np.sin(points), "--", color=BLUE, label="contribution of the first x: sin x")
axes.plot(points, points * np.cos(points), ":", color=ORANGE, label="contribution of the second x: x·cos x")
gradient = ad.grad(lambda x: (x * ad.sin(x)).sum())(points).data
axes.plot(points, gradient, color=GREY, label="the engine's gradient: the sum")
axes.set(xlabel="x", title="Two contributions to the slope of x · sin x")
axes.legend()
show(figure, "04_contributions")

# %% [markdown]
# ## One weight, many examples
#
# A network uses the same weight for every image of a batch. That is the same story, with 4 ways rather than
# 2:

# %%
w = ad.Tensor(0.5, requires_grad=True, name="w")
inputs = np.array([1.0, 2.0, 3.0, 4.0])
(w * inputs).sum().backward()
print("w was used with", inputs, "and its gradient is", w.grad.item(), "=", " + ".join(map(str, inputs)))

# %% [markdown]
# ## `.grad` adds too
#
# Calling `backward()` again does not replace `.grad`; it adds to it. That is on purpose: the gradient of a
# loss that comes in two parts is the sum of the parts' gradients, so you can call `backward()` on each
# part.
#
# **Predict.** x is 3. We compute y = x·x and call `backward()`; then we compute y = x·x again, and call
# `backward()` again. What is in `x.grad` after the first call, and after the second?

# %%
x = ad.Tensor(3.0, requires_grad=True)
for call in (1, 2):
    y = x * x
    y.backward()
    print(f"after call {call}: x.grad = {x.grad.item()}")
x.grad = None
(x * x).backward()
print("after resetting and one more call:", x.grad.item())

# %% [markdown]
# This is why a training loop calls `optimizer.zero_grad()` before each step. Who forgets it walks along the
# sum of all gradients since the beginning: `python -m mnist.lessons museum gradients-not-reset` shows what
# comes of that.
#
# Here are the two places in the engine where contributions are added: along ways within one `backward()`,
# and from one call to the next.

# %%
point(walk, "add(earlier, contribution)")
point(_total_grad, "add(variable.grad, cotangent)")

# %% [markdown]
# On this page, step back until the two arrows into x meet.

# %%
show(viz.explore(lambda x: x * ad.sin(x), ad.Tensor(2.0, name="x"), title="x is used twice"), "04_x_is_used_twice")

# %% [markdown]
# ## Exercise
#
# Contributions arrive one by one, as pairs of a name and an array. Write `add_up(contributions)`, which
# returns a dict with the gradient of each name. Careful: one and the same array may be sent to two names
# (addition does that), so do not change the arrays that you are given.


# %%
def add_up(contributions):
    """Return {name: sum of its contributions}."""
    gradients = {}
    for name, contribution in contributions:
        ...
    return gradients


exercise.check(add_up)

# %% [markdown]
# **Next:** lesson 5: whole arrays in place of numbers.
