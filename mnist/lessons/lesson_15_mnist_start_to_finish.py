# %% [markdown]
# # 15 · MNIST, start to finish
#
# Everything together, on 5,000 real digits: look at the data, train, measure on what was not trained on,
# look at mistakes.
#
# Here nothing new is explained; you have seen each part. What is left is the order in which they come, and
# two habits that keep you honest: a *test split*, and looking.

# %%
import numpy as np

import nets
from mnist.data import Split, digits_5k
from mnist.engines import by_autodiff
from mnist.evaluation import evaluate, table, worst_mistakes
from mnist.lessons.exercises.exercise_15 import exercise
from mnist.lessons.showing import point, show
from nets import manual
from viz.curves import draw_curves
from viz.figures import new_figure
from viz.mistakes import Shown, draw_mistakes

# %% [markdown]
# ## Look at the data first
#
# An image is 28 × 28 numbers from 0 (paper) to 255 (ink). 4,000 are to train on; 1,000 the network will not
# see until it is asked. Check that labels and images belong together (museum: `shuffled-labels`), and that
# the classes are equally frequent.

# %%
digits = digits_5k.load()
print("train", digits.train.images.shape, "test", digits.test.images.shape)
print("of each class:", np.bincount(digits.train.labels))
figure = new_figure(9, 1.6)
for axes, image, label in zip(figure.subplots(1, 10), digits.train.images, digits.train.labels, strict=False):
    axes.imshow(image.reshape(28, 28), cmap="gray_r")
    axes.set(title=str(label), xticks=[], yticks=[])
show(figure, "15_ten_digits")

# %% [markdown]
# ## Train
#
# An *epoch* is once through all images, in a new order, a batch at a time. The five lines in the middle are
# the whole of it. Pixels are scaled to 0 … 1 as a batch is taken.
#
# **Predict.** Before training, what will the loss be, and what the accuracy? After eight epochs: which will
# be better, the accuracy on the images trained on, or on those never seen? By how much?

# %%
rng = np.random.default_rng(0)
model = nets.MLP([784, 64, 10], rng=rng)
optimizer = nets.SGD(model.parameters(), lr=0.05, momentum=0.9)


def measure(epoch):
    """Return a row of the history, and print it."""
    train, test = evaluate(model, digits.train), evaluate(model, digits.test)
    print(f"epoch {epoch}: train {train.loss:.3f}, {train.accuracy:.1%}; test {test.loss:.3f}, {test.accuracy:.1%}")
    return {
        "epoch": epoch,
        "train_loss": train.loss,
        "test_loss": test.loss,
        "train_accuracy": train.accuracy,
        "test_accuracy": test.accuracy,
    }


history = [measure(0)]
for epoch in range(1, 9):
    order = rng.permutation(len(digits.train))
    for start in range(0, len(order), 64):
        x, y = digits.train.batch(order[start : start + 64])
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    history.append(measure(epoch))

# %% [markdown]
# The loss begins near log 10 = 2.30, that of guessing. If yours does not, something is wrong before
# training has begun. And at the end the network is better on what it has seen: some of what it learned is
# these very images. That is why only the test images count.

# %%
show(draw_curves(history), "15_curves")
print(table(evaluate(model, digits.test)))

# %% [markdown]
# ## Look at the mistakes
#
# An accuracy alone says little. Look: some of the worst are hard for you, too.

# %%
evaluation = evaluate(model, digits.test)
shown = [
    Shown(digits.test.images[mistake.row].reshape(28, 28), *mistake[1:])
    for mistake in worst_mistakes(model, digits.test, 10)
]
show(draw_mistakes(shown, evaluation.mistakes, len(digits.test)), "15_mistakes")

# %% [markdown]
# ## In earnest
#
# `python -m mnist.train` does the same on all 70,000 digits, with validation of what you type, files that
# survive a crash, a schedule for the rate, and pictures. Its heart is this line, and the loop around it:

# %%
point(by_autodiff, "loss = nets.cross_entropy(model(x), y)")
point(Split.batch, "np.divide(self.images[rows], 255")

# %% [markdown]
# ## Where to go from here
#
# - Train on everything: `python -m mnist.train`, then `--help` for what can be changed. Try to beat 98.2 %.
# - Ask the witnesses about *your* network: `python -m mnist.check --weights runs/001/model.safetensors`.
# - Walk through a training step on digits: `python -m mnist.draw`.
# - Read the engine in the order of README's “A reader's path”. It takes an hour; you have been in most
#   rooms.
# - Add an operation of your own with `@ad.primitive` (lesson 2), and let `ad.check_gradients` judge it.
#
# The derivation of the whole network stands at the top of one file, in both notations:

# %%
point(manual, "dZ_L = (A_L − Y) / m")

# %% [markdown]
# ## Exercise
#
# From memory: one step of training. Given are a model, an optimizer, a batch x and its labels y. Take the
# step, and return the loss *as a plain number*, so that a list of losses does not keep all tapes alive. It
# will be called again and again.


# %%
def train_step(model, optimizer, x, y):
    """Take one step on a batch and return the loss before it, as a float."""
    return ...


exercise.check(train_step)

# %% [markdown]
# That was the last lesson. If you have not been to the museum yet: `python -m mnist.lessons museum`.
