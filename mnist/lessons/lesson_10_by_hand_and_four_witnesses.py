# %% [markdown]
# # 10 · The MLP by hand, and four witnesses
#
# A gradient is believed when those who know it in different ways agree.
#
# You now have every rule that a network for digits needs. We put them together by hand, in NumPy, without
# any engine: a dozen lines. Then we let four witnesses testify: the hand, the engine, TensorFlow, and plain
# trying.

# %%
import numpy as np

import nets
from mnist import witnesses
from mnist.agreement import relative_error
from mnist.data import digits_5k
from mnist.engines import by_autodiff, load_engine
from mnist.errors import UserError
from mnist.lessons.exercises.exercise_10 import exercise
from mnist.lessons.showing import point, show
from nets import manual
from viz.figures import BLUE, new_figure

# %% [markdown]
# ## The way there
#
# A batch of m images is a table X with an image in each row, 784 pixels wide. A *multilayer perceptron*
# with one hidden layer of 32 units computes
#
#     Z1 = X @ W1 + b1        (m, 32)      a weighted sum for each unit         lessons 6 and 7
#     A1 = relu(Z1)           (m, 32)      negative ones are cut off            lesson 8
#     Z2 = A1 @ W2 + b2       (m, 10)      a score for each digit
#     A2 = softmax(Z2)        (m, 10)      probabilities                        lesson 9
#     loss = mean of −log A2[row, label]

# %%
model = nets.MLP([784, 32, 10], rng=np.random.default_rng(0), dtype=np.float64)
W1, b1, W2, b2 = (parameter.data for parameter in model.parameters())
X, labels = digits_5k.load().train.batch(slice(64), np.float64)
clear = witnesses.clear_of_kinks(model, X)  # false for an image on the very corner of a relu
X, labels = X[clear], labels[clear]
m = len(X)

Z1 = X @ W1 + b1
A1 = np.maximum(Z1, 0)
Z2 = A1 @ W2 + b2
A2 = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
A2 /= A2.sum(axis=1, keepdims=True)
loss = -np.log(A2[np.arange(m), labels]).mean()
print(f"{m} images, loss {loss:.4f}; guessing would have −log(1/10) = {np.log(10):.4f}")

# %% [markdown]
# ## The way back
#
# From the end to the beginning, each line from one lesson. dZ2 is short for “slope of the loss by Z2”, and
# has its shape.
#
#     dZ2 = (A2 − Y) / m                     lesson 9
#     dW2 = A1.T @ dZ2                       lesson 7
#     db2 = dZ2, summed over rows            lesson 6
#     dA1 = dZ2 @ W2.T                       lesson 7
#     dZ1 = dA1 where Z1 > 0, else 0         lesson 8
#     dW1 = X.T @ dZ1
#     db1 = dZ1, summed over rows

# %%
Y = np.eye(10)[labels]
dZ2 = (A2 - Y) / m
dW2, db2 = A1.T @ dZ2, dZ2.sum(axis=0)
dZ1 = (dZ2 @ W2.T) * (Z1 > 0)
dW1, db1 = X.T @ dZ1, dZ1.sum(axis=0)
mine = {"layers.0.weight": dW1, "layers.0.bias": db1, "layers.2.weight": dW2, "layers.2.bias": db2}
mine["loss"] = loss
print({name: np.shape(array) for name, array in mine.items()})

# %% [markdown]
# This is the whole of backpropagation for a network, and if you change the network (one more layer, another
# activation), you have to derive it again. That is the work which the engine takes away. The same, for any
# depth, with the derivation written out:

# %%
point(manual.loss_and_gradients, "dZ = (dZ @ W[l].T)")

# %% [markdown]
# ## Four witnesses
#
# Each knows the gradient in another way:
#
# - *by hand*: the lines above;
# - *the engine*: the tape, read backwards; it knows nothing of networks;
# - *TensorFlow*: other people's code, by the thousands;
# - *trying*: walk a little along a random direction and see how the loss changes; it knows no calculus at
#   all.
#
# **Predict.** Numbers with double precision have 16 digits. To how many digits will the engine agree with
# the hand: to all 16, to about 15, or to about 8? And trying with the engine? (TensorFlow takes some
# seconds to start, and may say a few words of its own.)

# %%
by_engine = witnesses.hear(by_autodiff, model, X, labels)
said = {"by hand": mine}
try:
    said["TensorFlow"] = witnesses.hear(load_engine("tensorflow"), model, X, labels)
except UserError:
    print("TensorFlow is not installed here, so three witnesses must do.")
tried = witnesses.differences(model, X, labels, np.random.default_rng(1))

errors = {}
for who, testimony in said.items():
    errors[who] = [relative_error(np.asarray(testimony[name]), by_engine[name]) for name in by_engine]
along = tried.put_to(by_engine)
errors["trying"] = [relative_error(value, along[name]) for name, value in tried.testimony.items()]
for who, each in errors.items():
    print(f"{who:10} differs from the engine by at most {max(each):.1e} of the largest number")

# %% [markdown]
# By hand and by engine: only the last digit or so, since sums are added up in another order. Trying has
# fewer: a short way loses digits to rounding, a long one bends. But it cannot have made the same mistake as
# you.
#
# ## What a mistake looks like
#
# Now forget relu's mask on the way back, a classic:

# %%
wrong = {**mine, "layers.0.weight": X.T @ (dZ2 @ W2.T), "layers.0.bias": (dZ2 @ W2.T).sum(axis=0)}
for name in by_engine:
    error = relative_error(np.asarray(wrong[name]), by_engine[name])
    print(f"{name:16} {error:.1e}", "← wrong" if error > 1e-9 else "")

# %% [markdown]
# The table even says where: all that comes before the first layer on the way back agrees, so the mistake
# lies between the two layers. `python -m mnist.check` does this for any network, in both precisions, and
# names who stands alone.
#
# A picture of the first layer's gradient: each pixel's slope, added up over the units. Pixels at the rim
# are always 0, so their weights never move.

# %%
figure = new_figure(7, 3.4)
left, right = figure.subplots(1, 2)
left.imshow(np.abs(dW1).sum(axis=1).reshape(28, 28), cmap="Blues")
left.set(title="how much the weights of each pixel want to move", xticks=[], yticks=[])
left.title.set_fontsize(9)
right.bar(range(len(errors)), [max(each) for each in errors.values()], color=BLUE)
right.set(yscale="log", xticks=range(len(errors)), xticklabels=list(errors))
right.set(title="how far from the engine, at most")
right.title.set_fontsize(9)
show(figure, "10_witnesses")

# %% [markdown]
# ## Exercise
#
# Write the way back for a network whose hidden layer is tanh instead of relu. You are given what the way
# there computed: X, A1 = tanh(Z1), W2, A2 (the probabilities) and Y (the truth as rows of 0 and 1). The
# slope of tanh is 1 − tanh².


# %%
def way_back(X, A1, W2, A2, Y):
    """Return dW1, db1, dW2, db2, the slopes of the mean cross-entropy."""
    return ..., ..., ..., ...


exercise.check(way_back)

# %% [markdown]
# **Next:** lesson 11: what to do with a gradient.
