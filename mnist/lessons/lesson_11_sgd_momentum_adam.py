# %% [markdown]
# # 11 · SGD, momentum, Adam, and what goes wrong
#
# A gradient says which way is down; how far to go, nobody knows.
#
# This lesson walks down a valley that is steep in one direction and flat in the other, first step by step,
# then with memory, then with a stride for each direction. Then the three are let loose on digits.

# %%
import numpy as np

import nets
from mnist.data import digits_5k
from mnist.evaluation import evaluate
from mnist.lessons.exercises.exercise_11 import exercise
from mnist.lessons.showing import point, show
from viz.figures import BLUE, GREY, ORANGE, new_figure

# %% [markdown]
# ## A valley
#
# The height is ½·(x² + 25·y²). At (10, 1) the slope by x is 10 and by y is 25: the way straight down points
# across the valley rather than along it. The lowest place is (0, 0). **Gradient descent** (SGD) takes a
# step against the slope: θ ← θ − lr · slope, where lr is the *learning rate*.


# %%
def walk(make_optimizer, steps=40):
    """Return the places on the way down from (10, 1), and the height at the last."""
    place = nets.Parameter(np.array([10.0, 1.0]))
    optimizer = make_optimizer([place])
    steepness = np.array([1.0, 25.0])
    way = [place.data.copy()]
    for _ in range(steps):
        height = (place * place * steepness).sum() / 2
        optimizer.zero_grad()
        height.backward()
        optimizer.step()
        way.append(place.data.copy())
    return np.array(way), float(np.sum(way[-1] ** 2 * steepness) / 2)


for lr in (0.001, 0.01, 0.04, 0.07):
    _, height = walk(lambda place, lr=lr: nets.SGD(place, lr))
    print(f"learning rate {lr}: height {height:.6f} after 40 steps")

# %% [markdown]
# It began at a height of 62.5. The larger the rate, the better.
#
# **Predict.** Then 0.09 should be better still. Along y the slope is 25·y, so a step makes y − 0.09·25·y =
# −1.25·y out of y. What becomes of y = 1 after 40 such steps? What is the largest rate that does no harm?

# %%
for lr in (0.075, 0.08, 0.081, 0.09):
    way, height = walk(lambda place, lr=lr: nets.SGD(place, lr))
    print(f"learning rate {lr}: height {height:14.6f}, y goes", way[:4, 1].round(2), "…", way[-1, 1].round(2))

# %% [markdown]
# Above 2/25 = 0.08 each step jumps across the valley and lands higher than it began. The limit is set by
# the *steepest* direction, while the *flattest* is the one you are waiting for. That is the whole
# difficulty, and both cures attack it.
#
# ## Momentum: remember where you were going
#
# Like a ball: keep a velocity v, add the slope to it, and let friction take a tenth.
#
#     v ← 0.9·v + slope
#     θ ← θ − lr·v
#
# Across the valley, the slopes alternate in sign and cancel in v; along it they add up, to ten times a
# single one.
#
# ## Adam: a stride for each direction
#
# Adam keeps two running means for each number: m of its slope, v of its slope *squared*. The step is lr · m
# / √v: about lr in each direction, be it steep or flat.

# %%
ways = {
    "SGD": lambda place: nets.SGD(place, 0.07),
    "momentum": lambda place: nets.SGD(place, 0.02, momentum=0.9),
    "Adam": lambda place: nets.Adam(place, 0.5),
}
figure = new_figure(9, 4.2)
axes = figure.subplots()
x, y = np.meshgrid(np.linspace(-4, 11, 100), np.linspace(-1.6, 1.6, 100))
axes.contour(x, y, (x**2 + 25 * y**2) / 2, levels=[1, 4, 10, 20, 40, 60], colors="#CCCCCC")
for (name, make), colour in zip(ways.items(), (GREY, BLUE, ORANGE), strict=True):
    way, height = walk(make)
    axes.plot(way[:, 0], way[:, 1], "o-", color=colour, markersize=3, linewidth=1, label=name)
    print(f"{name:8}: height {height:.6f} after 40 steps")
axes.set(xlabel="x, flat", ylabel="y, steep", title="Three ways down a valley", ylim=(-1.6, 1.6))
axes.legend()
show(figure, "11_three_ways_down")

# %% [markdown]
# On a smooth valley with well-chosen rates plain SGD is not bad at all. What the others buy shows where
# steepness changes from place to place, and from one weight to the next. Each is a few lines:

# %%
point(nets.SGD.update, 'v = state["velocity"] =')
point(nets.SGD.update, "return axpy(-lr, g, θ)")
point(nets.Adam, "m += (1 - β1) * (g - m)")
point(nets.Adam, "θ -= (lr / (1 - β1**t)) * m")

# %% [markdown]
# ## On digits
#
# 300 steps on batches of 64 of the 5,000 digits, a network 784-64-10, and the share of the test images that
# is read rightly: at a sensible rate, at ten times that, and at a hundred times.
#
# **Predict.** Which of the three will stand it best?

# %%
digits = digits_5k.load()


def train(make_optimizer, reset=True):
    """Return the loss of the last batches, and the share of the test images read rightly, after 300 steps."""
    rng = np.random.default_rng(0)
    model = nets.MLP([784, 64, 10], rng=rng)
    optimizer = make_optimizer(model.parameters())
    losses = []
    for _ in range(300):
        images, labels = digits.train.batch(rng.integers(0, len(digits.train), 64))
        loss = nets.cross_entropy(model(images), labels)
        if reset:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses[-20:]), evaluate(model, digits.test).accuracy


kinds = {
    "SGD": (0.1, lambda p, lr: nets.SGD(p, lr)),
    "momentum": (0.02, lambda p, lr: nets.SGD(p, lr, momentum=0.9)),
    "Adam": (0.002, lambda p, lr: nets.Adam(p, lr)),
}
for name, (sensible, make) in kinds.items():
    for lr in (sensible, 10 * sensible, 100 * sensible):
        with np.errstate(all="ignore"):
            loss, accuracy = train(lambda p, make=make, lr=lr: make(p, lr))
        print(f"{name:9} rate {lr:<6.3g} loss {loss:8.3f}, accuracy {accuracy:6.1%}")

# %% [markdown]
# A factor of ten is forgiven here, a factor of a hundred is not, by any of them. The loss alone would have
# told: an accuracy of 10 % is guessing, and its loss is log 10 = 2.30, or worse.
#
# ## What goes wrong
#
# - *The loss grows, or is NaN*: the rate is too large. Divide it by ten.
# - *The loss stays at 2.30* = log 10: the network says every digit is equally likely. Its units may be dead
#   (museum: `dead-relu`), or the rate far too small, or too large once, at the beginning.
# - *The loss falls and then goes wild*: the gradients were not reset. They add up (lesson 4), which amounts
#   to a rate that grows at every step:

# %%
loss, accuracy = train(lambda p: nets.SGD(p, 0.1), reset=False)
print(f"SGD 0.1 without zero_grad: loss {loss:.3f}, accuracy {accuracy:.1%}")

# %% [markdown]
# ## Exercise
#
# Write one step of gradient descent with momentum. Given are the place θ, the slope g there, the velocity v
# so far, the rate lr and the friction factor μ (0.9, say). Return the new θ and the new v. Do not change
# the arrays that you are given.


# %%
def momentum_step(θ, g, v, lr, μ):
    """Return the new place and the new velocity."""
    return ..., ...


exercise.check(momentum_step)

# %% [markdown]
# **Next:** lesson 12: the slope of the slope.
