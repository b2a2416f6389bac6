# %% [markdown]
# # 6 · Broadcasting and its undoing
#
# What is copied on the way there is added up on the way back.
#
# NumPy lets you add a row of 3 numbers to a table of 4 × 3: the row is used for each of the 4 rows. That is
# called *broadcasting*, it is everywhere in networks (a bias is such a row), and it is why your gradients
# sometimes have the wrong shape.

# %%
import numpy as np

import autodiff as ad
import viz
from autodiff.backward import _fit
from mnist.lessons.exercises.exercise_06 import exercise
from mnist.lessons.showing import point, show

# %% [markdown]
# ## A row meets a table

# %%
table = np.arange(12.0).reshape(4, 3)
row = np.array([10.0, 20.0, 30.0])
print(table + row)

# %% [markdown]
# There is no magic in it. NumPy reads shapes from the right. Where one has no axis, or an axis of length 1,
# its numbers are used again and again:
#
#     (4, 3) + (3,)      each number of the row is used 4 times
#     (4, 3) + (4, 1)    each number of the column is used 3 times
#     (4, 3) + ()        a single number is used 12 times
#
# Now the way back. z = table + row has shape (4, 3), so its slopes g have shape (4, 3). The rule of + is
# “pass g on”. But the row has only 3 numbers, and so its gradient must have 3.
#
# **Predict.** Let every one of the 12 slopes in g be 1. What is the gradient of the row, `[10, 20, 30]`?
# What would it be for a column of shape (4, 1)?

# %%
for shape in ((3,), (4, 1), ()):
    operand = ad.Tensor(np.ones(shape), requires_grad=True)
    (table + operand).sum().backward()
    print(f"shape {shape!s:7} gradient", operand.grad.data.tolist())

# %% [markdown]
# Lesson 4 again: a number that is used 4 times gets 4 contributions, and they add. So the undoing of
# broadcasting is a **sum over the axes along which copies were made**. The shape of the operand says which:
# those that it lacks, and those where it has length 1.
#
# ## Copying and summing are one thing, seen from two sides
#
# Write copying as a table of slopes (lesson 5). Twelve results, three operands; a 1 where the result is a
# copy:

# %%
copies = ad.jacobian(lambda row: ad.broadcast_to(row, shape=(4, 3)))(row).data.reshape(12, 3)
print(copies.astype(int))
g = np.arange(12.0)
print("g @ table:      ", g @ copies)
print("sum over rows:  ", g.reshape(4, 3).sum(axis=0))

# %% [markdown]
# And the other way round: the pullback of a *sum* hands the same slope to each of the numbers that were
# added: it copies.
#
# In the engine no rule knows about broadcasting. The rule of + says “pass g on”, the rule of × says “g
# times the other”, and the walk back makes whatever comes out fit its operand, once for all operations:

# %%
point(_fit, "cotangent = sum_to(cotangent, shape=data.shape)")
point(ad.sum_to, '@primitive("sum_to"')
point(ad.broadcast_to, '@primitive("broadcast_to"')

# %% [markdown]
# ## Where it bites
#
# A label of shape (4,) and a prediction of shape (4, 1) look alike. Their difference does not:

# %%
prediction, label = np.ones((4, 1)), np.ones(4)
print("shape of the difference:", (prediction - label).shape)

# %% [markdown]
# 16 numbers instead of 4, no error, and a network that learns nonsense. When a loss looks odd, print shapes
# first.
#
# On the page, step backward to the bias b: the table that comes in is added up to a row.


# %%
def layer(x, b):
    return ((x + b) * (x + b)).sum()


x = ad.Tensor(np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]), name="x")
b = ad.Tensor(np.array([1.0, 2.0, 3.0]), name="b")
show(viz.explore(layer, x, b, title="A row is added to each row of a table"), "06_broadcasting")

# %% [markdown]
# ## Exercise
#
# Write `sum_to(g, shape)`: given g and the shape of an operand that was broadcast to g's shape, return the
# operand's gradient, which has exactly that shape. Use NumPy.


# %%
def sum_to(g, shape):
    """Undo broadcasting from `shape` to g.shape."""
    return ...


exercise.check(sum_to)

# %% [markdown]
# **Next:** lesson 7: two rules that you cannot get wrong, if you look at shapes.
