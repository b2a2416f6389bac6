# %% [markdown]
# # 14 · From tape to loops: the compiler
#
# A tape is a program; one who reads it whole can write a better one.
#
# Up to now each operation was done for itself: read arrays, compute, write a new array. This lesson hands a
# whole training step to the engine's compiler, and looks at what it makes of it.

# %%
import time

import numpy as np

import autodiff as ad
import nets
from autodiff.compiler import program
from autodiff.compiler.common import common_subexpressions
from mnist.lessons.exercises.exercise_14 import exercise
from mnist.lessons.showing import point, show
from viz.figures import BLUE, ORANGE, new_figure

# %% [markdown]
# ## What an operation costs
#
# Adding two numbers is nearly free. *Fetching* them from memory is not, nor is calling a function in
# Python. In a chain of operations on a million numbers, each reads a million or two and writes a million:


# %%
def chain(x):
    return (x * 2.0 + 1.0) * x - x / (x * x + 1.0)


x = np.random.default_rng(0).standard_normal(1_000_000)
graph = ad.trace(chain, x)
print(graph.equations())
print("operations:", [operation.primitive.name for operation in graph])

# %% [markdown]
# **Predict.** Written by hand in a language such as C, how many loops over the million numbers would this
# need? And how many arrays in between?

# %%
compiled = ad.jit(chain)
begin = time.perf_counter()
result = compiled(x)
print(f"compiled in {time.perf_counter() - begin:.2f} s (and kept on disk for the next time)")
print("less the engine's own result, at most:", np.abs(result.data - chain(x)).max())
print(compiled.source)

# %% [markdown]
# One loop, and no array in between. Each number is fetched once, stays in the processor while all is done
# to it, and is written once. This is called *fusion*.
#
# ## The way there: passes
#
# `ad.trace` runs the function once and writes down what passes through the door (lesson 2 again!), the way
# back and the update included. Then small programs, called passes, each make one thing better:

# %%
for name, improve in program.PASSES.items():
    print(f"{name:22} {(improve.__doc__ or '').splitlines()[0]}")
point(program.optimized, "graph = improve(graph)")
point(common_subexpressions, "def common_subexpressions")

# %% [markdown]
# ## A whole training step
#
# With the layers, the loss, the way back and the optimizer, as one writes it:

# %%
rng = np.random.default_rng(0)
model = nets.MLP([20, 16, 4], activation="tanh", rng=rng)
optimizer = nets.SGD(model.parameters(), lr=0.1)
X, y = rng.standard_normal((32, 20)).astype(np.float32), np.arange(32) % 4


def step(X, y):
    loss = nets.cross_entropy(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


fast = ad.jit(step)
losses = [fast(X, y).item() for _ in range(5)]
print("losses", np.round(losses, 4))
print(fast.report())

# %% [markdown]
# The matrix products are left as they are; what lies between them is fused. So the gain is large where
# there are many small things to do, and small where large matrices take all the time. Measured here and
# now, the best of several:


# %%
def best(call, times=30):
    """Return the shortest of several runs, in microseconds."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return 1e6 * min(found)


times = {
    "chain, a million numbers": (best(lambda: chain(x), 5), best(lambda: compiled(x), 5)),
    "training step": (best(lambda: step(X, y)), best(lambda: fast(X, y))),
}
figure = new_figure(7, 3)
axes = figure.subplots()
for i, (name, (eager, jitted)) in enumerate(times.items()):
    print(f"{name:25} one by one {eager:8.0f} µs, compiled {jitted:8.0f} µs")
    axes.barh([i + 0.2], [1], 0.35, color=BLUE, label="one by one" if i == 0 else None)
    axes.barh([i - 0.2], [jitted / eager], 0.35, color=ORANGE, label="compiled" if i == 0 else None)
axes.set(yticks=range(len(times)), yticklabels=list(times), xlabel="time, relative to one by one")
axes.legend()
show(figure, "14_times")

# %% [markdown]
# What is the price? The compiler has seen *one* run. What Python itself decided there, an `if` on a number
# of a tensor, say, would be frozen. So it refuses to compile a function that looks at numbers:


# %%
@ad.jit
def looks(x):
    return x if x.sum().item() > 0 else -x


try:
    looks(ad.Tensor([1.0, 2.0]))
except ad.TraceError as error:
    print(error)

# %% [markdown]
# ## Exercise
#
# Write a pass. A program is a list of lines (name, operation, operands), each using names of lines above it
# or of inputs: `[("a", "sin", ("x",)), ("b", "sin", ("x",)), ("c", "multiply", ("a", "b"))]`. Write
# `without_repeats(lines)`, which drops each line that computes what an earlier one has computed, and lets
# later lines use the earlier name instead. (Take the order of operands as it is: nobody tells you that
# multiply does not care.)


# %%
def without_repeats(lines):
    """Return the lines with nothing computed twice."""
    return ...


exercise.check(without_repeats)

# %% [markdown]
# **Next:** lesson 15: MNIST, start to finish.
