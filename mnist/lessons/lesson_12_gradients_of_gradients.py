# %% [markdown]
# # 12 · Gradients of gradients
#
# The way back is itself a computation; write it on the tape, and it can be read backwards too.
#
# How does a slope change? That is curvature, the second derivative. It tells where a valley is steep, finds
# the bottom of some in one step, and it falls out of this engine without a single new rule.

# %%
import numpy as np

import autodiff as ad
from autodiff import backward
from mnist.lessons.exercises.exercise_12 import exercise
from mnist.lessons.showing import point, show
from viz.figures import new_figure

# %% [markdown]
# ## The tape of the way back
#
# Each rule in this engine is written with the engine's own operations: the rule of sin multiplies by `cos`,
# and both pass through the door of lesson 2. Usually nobody writes there on the way back. With
# `create_graph=True` somebody does:

# %%
x = ad.Tensor(3.0, requires_grad=True)
y = x * x * x
y.backward(create_graph=True)
slope = x.grad
print("slope 3·x²:", slope.item(), "; is it on the tape?", slope.node is not None)

x.grad = None
slope.backward()
print("slope of the slope, 6·x:", x.grad.item())

# %% [markdown]
# `ad.grad(f)` is a function that gives the slope of f, and does all this by itself. Since it takes and
# gives Tensors as any function does, it can be given to `ad.grad` again.
#
# **Predict.** f is x³. What are f′, f″, f‴ and f⁗ (the fourth) at x = 4?

# %%
f = lambda x: x**3
for order in range(5):
    print(f"order {order}: {f(ad.Tensor(4.0)).item():g}")
    f = ad.grad(f)

# %% [markdown]
# And the sine, whose derivatives go round in a circle:

# %%
xs = np.linspace(-6, 6, 300)
figure = new_figure(9, 3.4)
axes = figure.subplots()
f = ad.sin
for order, style in enumerate(("-", "--", "-.", ":")):
    axes.plot(xs, f(ad.Tensor(xs)).data, style, label=f"order {order}")
    f = ad.grad(lambda x, f=f: f(x).sum())
axes.set(xlabel="x", title="sin x, and its derivatives by the tape of the tape")
axes.legend(loc="right")
show(figure, "12_sine")
print("order 4 less order 0, at most:", np.abs(f(ad.Tensor(xs)).data - np.sin(xs)).max())

# %% [markdown]
# This is where the engine decides whether rules compute with plain arrays, which is fast, or with Tensors,
# which leaves a tape:

# %%
point(backward._contributions, "if not as_variables:")
point(ad.sin, '@primitive("sin"')

# %% [markdown]
# The slope of x·x·x, written down as a computation of its own. It is made of the same multiplications, so
# it can be read backwards in turn:

# %%
print(ad.trace(ad.grad(lambda x: x * x * x), ad.Tensor(2.0, name="x")).equations())

# %% [markdown]
# ## What it is good for: Newton's step
#
# SGD does not know how far to go (lesson 11). If the slope is 10 and changes by 2 for each step of 1, it
# will be 0 after 5. So go as far as **slope / curvature**. The bottom of log(1 + eˣ) − 0.3·x, by both:


# %%
def valley(x):
    return ad.softplus(x) - 0.3 * x


descent = newton = ad.Tensor(0.0)
for step in range(1, 5):
    descent = descent - 0.5 * ad.grad(valley)(descent)
    newton = newton - ad.grad(valley)(newton) / ad.grad(ad.grad(valley))(newton)
    slopes = [ad.grad(valley)(place).item() for place in (descent, newton)]
    print(f"step {step}: slope of SGD {slopes[0]:9.2e}, of Newton {slopes[1]:9.2e}")

# %% [markdown]
# ## Many numbers
#
# With n numbers, the curvature is a table of n × n, the **Hessian**: entry [i, j] says how the slope by i
# changes as j moves.


# %%
def height(x):
    return (x * x * np.array([1.0, 25.0])).sum() / 2 + x[0] * x[1]


place = np.array([10.0, 1.0])
H = ad.hessian(height)(place).data
print(H)

# %% [markdown]
# (There they are, the 1 and the 25 of lesson 11's valley.) A network of 100,000 weights would need 10
# billion numbers: nobody builds that table either. But a product with it is cheap. H @ v is how the slopes
# change along v; and here is the trick: **⟨slopes, v⟩ is one number, and its gradient is H @ v.** One more
# way back, whatever n is.
#
# Why can some engines not do this? Because their rules are written in plain arrays. Such a rule gives the
# right slope, but leaves no tape, so the slope looks like a constant, and the second derivative is 0 or
# misses a part, silently. `ad.check_gradients` checks the second order too, for that reason:


# %%
@ad.primitive("tired_sin", lambda g, out, a: g * np.cos(np.asarray(a.data)))
def tired_sin(a):
    return np.sin(a)


ad.check_gradients(tired_sin, np.array([0.3, 1.2]), order=1)
print("first order: fine")
try:
    ad.check_gradients(tired_sin, np.array([0.3, 1.2]), order=2)
except (AssertionError, TypeError) as error:
    print("second order:", type(error).__name__, "·", error)

# %% [markdown]
# ## Exercise
#
# Write `hessian_times(f, x, v)`: H @ v for a function f of a vector, which gives a scalar, without building
# H. Return a Tensor or an array.


# %%
def hessian_times(f, x, v):
    """Return H @ v, H being the Hessian of f at x."""
    return ...


exercise.check(hessian_times)

# %% [markdown]
# **Next:** lesson 13: windows that slide.
