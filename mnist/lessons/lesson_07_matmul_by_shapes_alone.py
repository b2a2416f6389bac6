# %% [markdown]
# # 7 · Matmul's two rules, found by shapes alone
#
# Of all products that one could write down, only one has the right shape.
#
# The matrix product does almost all the work in a network, and its two rules are the ones that people look
# up again and again: which factor, on which side, transposed or not? You need not remember. Write down the
# shapes.

# %%
import itertools

import numpy as np

import autodiff as ad
import viz
from autodiff.ops.products import _matmul
from mnist.lessons.exercises.exercise_07 import exercise
from mnist.lessons.showing import point, show

# %% [markdown]
# A matrix is a table of numbers. The product `C = A @ B` of a table with 2 rows and 3 columns and one with
# 3 rows and 4 columns has 2 rows and 4 columns. C[i, j] is row i of A times column j of B, number by
# number, added up. It exists only if the inner lengths are equal: (2, **3**) @ (**3**, 4).

# %%
rng = np.random.default_rng(0)
A, B = rng.integers(-3, 4, (2, 3)).astype(float), rng.integers(-3, 4, (3, 4)).astype(float)
C = A @ B
G = rng.integers(-3, 4, C.shape).astype(float)
print("A", A.shape, "  B", B.shape, "  C", C.shape, "  G", G.shape)
print(C)

# %% [markdown]
# G stands for the slopes of the loss by C; it has C's shape. We look for the slopes by A, which must have
# the shape of A, (2, 3). They must be made of G and B: if B is all zeros, A moves nothing.
#
# **Predict.** There are eight candidates: G and B in either order, each transposed (T: rows and columns
# exchanged) or not. Which of them exist at all, and which has the shape (2, 3)? Try on paper: G is (2, 4),
# B is (3, 4).


# %%
def candidates(first, second):
    """Yield each way to multiply two matrices, its name, and the product or None where there is none."""
    for (a, b), ta, tb in itertools.product(((first, second), (second, first)), ("", ".T"), ("", ".T")):
        left, right = named[a].T if ta else named[a], named[b].T if tb else named[b]
        fits = left.shape[1] == right.shape[0]
        yield f"{a}{ta} @ {b}{tb}", left @ right if fits else None


named = {"A": A, "B": B, "G": G}
for name, product in candidates("G", "B"):
    print(f"{name:10}", "does not exist" if product is None else f"has shape {product.shape}")

# %% [markdown]
# Two exist, and the second is the first one transposed. Only `G @ B.T` has the shape of A. For B the same
# game with G and A:

# %%
for name, product in candidates("G", "A"):
    if product is not None:
        print(f"{name:10} has shape {product.shape}", "← the shape of B" if product.shape == B.shape else "")

# %% [markdown]
# ## But is it true?
#
# Shapes are no proof. A proof takes one line: A[i, k] moves C[i, j] by B[k, j], for each j. So its slope is
# the sum over j of G[i, j] · B[k, j], which is row i of G times row k of B: G @ B.T. And trying confirms
# it:

# %%
nudge = 1e-6
tried = np.zeros_like(A)
for i, k in np.ndindex(A.shape):
    moved = A.copy()
    moved[i, k] += nudge
    tried[i, k] = np.sum(G * (moved @ B - C)) / nudge
print("by trying:")
print(tried.round(3))
print("G @ B.T:")
print(G @ B.T)

# %% [markdown]
# The engine has the two rules in two lines, and its checker compares both with trying, in random
# directions:

# %%
point(_matmul, "_matmul(g, matrix_transpose(b))")
point(_matmul, "_matmul(matrix_transpose(a), g)")
ad.check_gradients(ad.matmul, A, B)

# %% [markdown]
# ## When shapes do not help
#
# If all matrices are square, everything fits everything, and a wrong rule raises no error. Here are all
# eight candidates for 3 × 3 matrices, and how far each is from the truth:

# %%
A, B, G = (rng.standard_normal((3, 3)) for _ in range(3))
named = {"A": A, "B": B, "G": G}
truth = ad.vjp(lambda A: A @ B, A)[1](G)[0].data
for name, product in candidates("G", "B"):
    print(f"{name:10} shape {product.shape}, off by {np.abs(product - truth).max():.3f}")

# %% [markdown]
# So: find rules with shapes that are all different, and test them with numbers. This is also why good tests
# use 2 × 3 by 3 × 4 and not 3 × 3 by 3 × 3.
#
# A layer of a network is X @ W + b: a row of X is an image, W the weights, b the bias. On the page, step
# back through it.


# %%
def layer(X, W, b):
    return ad.tanh(X @ W + b).sum()


X, W, b = ([[0.5, -1.0, 0.3], [0.1, 0.8, -0.6]], [[0.2, -0.4], [0.7, 0.1], [-0.3, 0.9]], [0.1, -0.2])
tensors = [ad.Tensor(values, name=name) for name, values in (("X", X), ("W", W), ("b", b))]
show(viz.explore(layer, *tensors, title="A layer: X @ W + b"), "07_a_layer")

# %% [markdown]
# ## Exercise
#
# Z = X @ W + b, with X of shape (m, n), W (n, k) and b (k,). Given G, the slopes of the loss by Z, write
# the slopes by X, by W and by b. (For b, remember lesson 6.)


# %%
def layer_rules(G, X, W):
    """Return the slopes by X, by W and by b."""
    return ..., ..., ...


exercise.check(layer_rules)

# %% [markdown]
# **Next:** lesson 8: where there is no slope.
