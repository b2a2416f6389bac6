# %% [markdown]
# # 13 · Convolution as windows and a matmul
#
# Slide a small window over the image, write each position as a row, and one matrix product does the rest.
#
# A layer X @ W does not know that two pixels are neighbours: shuffle the pixels of all images alike, and it
# learns just as well. A *convolution* looks at small windows, with the same weights everywhere. It has a
# fearsome name, and you know all of its parts already.

# %%
import numpy as np

import autodiff as ad
import nets
from mnist.data import digits_5k
from mnist.evaluation import evaluate
from mnist.lessons.exercises.exercise_13 import exercise
from mnist.lessons.showing import point, show
from nets import convolution
from viz.figures import DIVERGING, new_figure

# %% [markdown]
# ## Windows
#
# Begin with a row of numbers, and a window of 3 that moves on by 1:

# %%
signal = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
windows = ad.sliding_windows(signal, 3)
print(windows)

# %% [markdown]
# Six numbers give 6 − 3 + 1 = 4 windows. Each is a row; with three weights, *all* inner products at once
# are a matrix times a vector. That is the whole of a convolution:

# %%
weights = np.array([-1.0, 0.0, 1.0])
print(windows @ weights, "how much it rises over three steps, at each place")

# %% [markdown]
# ## On an image
#
# Over an image the window moves across and down. A digit of 28 × 28 pixels has (28 − 3 + 1)² = 26² windows
# of 3 × 3. Two kinds of weights, drawn by hand: one likes what grows brighter downward, the other what
# grows brighter to the right.

# %%
digits = digits_5k.load()
X, y = digits.test.batch(slice(None))
image = X[7].reshape(28, 28)
down = np.array([[-1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
windows = ad.sliding_windows(image, (3, 3))
rows = windows.reshape(26 * 26, 9)
print("windows", windows.shape, "→ rows", rows.shape, "@ weights (9, 2)")
found = (rows @ np.stack([down.ravel(), down.T.ravel()], axis=1)).reshape(26, 26, 2)

figure = new_figure(9, 3.2)
pictures = {"image": image, "edges, down": found[..., 0], "edges, right": found[..., 1]}
for axes, (name, picture) in zip(figure.subplots(1, 3), pictures.items(), strict=True):
    size = np.abs(picture).max()
    axes.imshow(picture, cmap=DIVERGING, vmin=-size, vmax=size)
    axes.set(title=name, xticks=[], yticks=[])
show(figure, "13_edges")

# %% [markdown]
# ## The way back
#
# The matrix product has its two rules (lesson 7). What is new is the step from image to windows, and it is
# only copying: a pixel is copied into every window that covers it. And what is copied on the way there is
# added up on the way back (lesson 6).
#
# **Predict.** Six numbers, windows of 3, and let the slope of every entry of every window be 1. Which
# number of the six gets which gradient?

# %%
x = ad.Tensor(signal, requires_grad=True)
ad.sliding_windows(x, 3).sum().backward()
print(x.grad.data, "in how many windows each number is")

# %% [markdown]
# At the rim a number is in fewer windows. In the engine that is one rule; each of the two operations is the
# rule of the other. And the layer is nothing but windows, a reshape and a matmul:

# %%
point(ad.sliding_windows, '@primitive("sliding_windows"')
point(ad.sliding_windows, "add_windows(g, shape=a.shape")
point(convolution, "windows = ad.sliding_windows(x, kernel, stride)")
point(convolution, "product = ad.matmul(")

layer = nets.Conv2d(1, 2, 3, rng=np.random.default_rng(0), dtype=np.float64)
layer.weight.data = np.stack([down, down.T])[:, None]
same = layer(image[None, None].astype(np.float64)).data[0]
print("the layer's result less ours, at most:", np.abs(same - found.transpose(2, 0, 1)).max())
ad.check_gradients(nets.conv2d, image[None, None, 8:16, 8:16], layer.weight.data)
print("its gradients agree with trying, to the second order")

# %% [markdown]
# ## Is it worth it?
#
# Nobody draws weights by hand: they are learned. Two networks with about as many weights each, for 200
# steps on the 5,000 digits: one with a hidden layer, and one whose first layer looks through 12 windows of
# 5 × 5 at every second place.


# %%
class Through(nets.Module):
    """A convolution, relu, and a linear layer on what was found."""

    def __init__(self, rng):
        self.look = nets.Conv2d(1, 12, 5, stride=2, rng=rng)
        self.decide = nets.Linear(12 * 12 * 12, 10, rng=rng)

    def forward(self, x):
        found = ad.relu(self.look(ad.reshape(x, (-1, 1, 28, 28))))
        return self.decide(ad.flatten(found, 1))


networks = {"hidden layer": lambda rng: nets.MLP([784, 22, 10], rng=rng), "windows": Through}
for name, make in networks.items():
    rng = np.random.default_rng(0)
    model = make(rng)
    optimizer = nets.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(200):
        images, labels = digits.train.batch(rng.integers(0, len(digits.train), 64))
        loss = nets.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weights = sum(parameter.size for parameter in model.parameters())
    accuracy = evaluate(model, digits.test).accuracy
    print(f"{name:12} {weights:,} weights: {accuracy:.1%} of the test images read rightly")

# %% [markdown]
# ## Exercise
#
# Write the way back by hand, for a row of numbers. x has n numbers, and the windows of length k have shape
# (n − k + 1, k): window i holds x[i], …, x[i + k − 1]. Given g, the slopes by all entries of the windows,
# and n, return the slopes by x.


# %%
def from_windows(g, n):
    """Return the slopes by the n numbers over which the windows slid."""
    return ...


exercise.check(from_windows)

# %% [markdown]
# **Next:** lesson 14: from tape to loops.
