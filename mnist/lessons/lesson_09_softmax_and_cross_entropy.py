# %% [markdown]
# # 9 · Softmax, cross-entropy, A − Y
#
# Two awkward functions in a row have the simplest gradient of all: what was said minus what is true.
#
# A network ends with ten scores, one for each digit, of any size and sign. This lesson turns scores into
# probabilities, measures how bad they are, finds the gradient, and then makes all of it survive large
# numbers.

# %%
import numpy as np

import autodiff as ad
import nets
from mnist.data import digits_5k
from mnist.lessons.exercises.exercise_09 import exercise
from mnist.lessons.showing import point, show
from viz.figures import BLUE, ORANGE, new_figure

# %% [markdown]
# ## From scores to probabilities
#
# Probabilities are positive and add up to 1. So: make every score positive with exp, and divide by the
# total. That is **softmax**. The scores are called *logits*.

# %%
logits = np.array([2.0, 1.0, -1.0, 0.5])
A = np.exp(logits) / np.exp(logits).sum()
print("probabilities", A.round(3), "  total", A.sum())

# %% [markdown]
# ## How bad is it?
#
# Say the truth is class 1 (we count from 0). The **cross-entropy** is −log of the probability that the
# truth was given: 0 if it got 1, and the more the less it got. It is the measure of surprise: who calls the
# true class impossible is infinitely surprised.

# %%
for p in (1.0, 0.9, 0.5, 0.1, 0.001):
    print(f"the truth was given {p:5}: loss {abs(-np.log(p)):.3f}")

# %% [markdown]
# ## The gradient
#
# exp, a sum, a division, a logarithm, a minus: the slopes of each step are known, and the product looks
# terrible. But write the logarithm of the quotient as a difference first:
#
#     loss = −log( exp(z₁) / Σ exp(zⱼ) ) = log Σ exp(zⱼ) − z₁
#
# The slope of log Σ exp(zⱼ) by zⱼ is exp(zⱼ) / Σ exp = Aⱼ: the softmax has come back. And −z₁ contributes
# −1 to the true class alone. With Y for the truth written as 0, 1, 0, 0:
#
#     slope of the loss by the logits  =  A − Y
#
# **Predict.** The logits are 2, 1, −1, 0.5, the probabilities are those above, and the truth is class 1.
# Which logits does the gradient want lowered, which raised, and by which the most? What do its four numbers
# add up to?

# %%
z = ad.Tensor(logits[None], requires_grad=True)
nets.cross_entropy(z, np.array([1])).backward()
Y = np.array([0.0, 1.0, 0.0, 0.0])
print("the engine:", z.grad.data[0].round(4))
print("A − Y:     ", (A - Y).round(4), "  total", abs((A - Y).sum()).round(12))

# %% [markdown]
# A step goes against the gradient: the true class is raised by what it lacks, each of the others is lowered
# by what it took. And if the network is right and sure, A = Y, then the gradient is 0: it learns from its
# mistakes alone.
#
# Nobody told the engine about A − Y. It has the rules of log_softmax and of picking an entry, and they
# combine to this. It can say so itself, if it is asked to simplify (c holds the label, m is the number of
# rows):

# %%
loss_and_slopes = ad.value_and_grad(lambda z: nets.cross_entropy(z, np.array([1])))
print(ad.trace(loss_and_slopes, ad.Tensor(logits[None], name="z")).equations(simplify=True))

# %% [markdown]
# ## On real digits
#
# 5,000 scanned digits come with this package. A network without hidden layers (scores = pixels @ W + b)
# learns for 200 steps; then we look at a test image that it gets wrong.

# %%
digits = digits_5k.load()
rng = np.random.default_rng(0)
model = nets.Linear(784, 10, rng=rng)
optimizer = nets.SGD(model.parameters(), lr=0.2)
for _ in range(200):
    x, y = digits.train.batch(rng.integers(0, len(digits.train), 64))
    loss = nets.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

x, y = digits.test.batch(slice(None))
A = ad.softmax(model(x)).data
wrong = np.flatnonzero(A.argmax(axis=1) != y)
print(f"{1 - len(wrong) / len(y):.1%} of the test images are read rightly")
worst = wrong[np.argmin(A[wrong, y[wrong]])]
Y = np.eye(10)[y[worst]]
print(f"its worst mistake is a {y[worst]}, of which it says {A[worst].argmax()};", end=" ")
print(f"the loss is {-np.log(A[worst, y[worst]]):.2f}")

figure = new_figure(9, 3)
left, right = figure.subplots(1, 2, width_ratios=[1, 2.5])
left.imshow(x[worst].reshape(28, 28), cmap="gray_r")
left.set(title=f"truth: {y[worst]}", xticks=[], yticks=[])
right.bar(np.arange(10) - 0.2, A[worst], 0.4, color=BLUE, label="A, what it says")
right.bar(np.arange(10) + 0.2, A[worst] - Y, 0.4, color=ORANGE, label="A − Y, the gradient")
right.set(xticks=range(10), xlabel="digit")
right.legend()
show(figure, "09_a_mistake")

# %% [markdown]
# ## Large numbers
#
# Mathematically all is well. On a computer the largest number is about 10³⁰⁸, and exp(710) is larger.

# %%
logits = np.array([1000.0, 0.0, -1000.0])
with np.errstate(all="ignore"):
    naive = np.exp(logits) / np.exp(logits).sum()
    print("naive softmax:", naive, "  its −log:", -np.log(naive))

# %% [markdown]
# Softmax does not change when the same number is subtracted from all logits: exp(z − c) = exp(z) / exp(c),
# and exp(c) cancels. So **subtract the largest logit first**: the largest exponent is then 0. And never
# take the log of a softmax, which may be 0; compute log softmax = z − log Σ exp(z) directly.

# %%
shifted = logits - logits.max()
print("softmax:      ", np.exp(shifted) / np.exp(shifted).sum())
print("log softmax:  ", shifted - np.log(np.exp(shifted).sum()))
print("the engine:   ", ad.log_softmax(logits))

# %% [markdown]
# The engine therefore has log_softmax as one operation. Here is its rule, and its loss; further down in
# softmax.py stands how it is computed.

# %%
point(ad.log_softmax, '@primitive("log_softmax"')
point(ad.softmax, "np.exp(a - np.max(")
point(nets.cross_entropy, "log_probabilities = ad.log_softmax(logits)")

# %% [markdown]
# ## Exercise
#
# In NumPy: write `loss_and_gradient(logits, labels)` for logits of shape (m, n) and labels of shape (m,),
# whole numbers below n. Return the mean of the losses of the m rows, and its gradient by the logits. It
# must survive logits of ±1000. (The mean divides by m. So must the gradient.)


# %%
def loss_and_gradient(logits, labels):
    """Return the mean cross-entropy and its gradient, of the logits' shape."""
    return ..., ...


exercise.check(loss_and_gradient)

# %% [markdown]
# **Next:** lesson 10: a whole network by hand.
