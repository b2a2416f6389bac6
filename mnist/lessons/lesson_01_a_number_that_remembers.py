# %% [markdown]
# # 1 · A number that remembers
#
# If every number remembers what it was made from, the computer can do the calculus.
#
# Training a network means asking one question a million times: *if I turn this knob a little, how much does
# the result change?* That is a derivative. You learned at school to find derivatives with pen and paper. In
# this lesson a class of ten lines finds them, for any formula that you can write in Python, without ever
# seeing the formula.

# %%
import math

import autodiff as ad
import viz
from autodiff.tape import Node
from mnist.lessons.exercises.exercise_01 import exercise
from mnist.lessons.showing import point, show

# %% [markdown]
# ## The slope, by trying
#
# Here is a formula with two knobs, x and y. Turn x by a thousandth and look how far the result moves:


# %%
def formula(x, y):
    return x * y + math.sin(x)


x, y, nudge = 3.0, 2.0, 0.001
moved = formula(x + nudge, y) - formula(x, y)
print(f"the result moves by {moved:.7f}, which is {moved / nudge:.4f} times as far as x did")

# %% [markdown]
# This number, “how many times as far”, is the **slope** (the derivative). Trying works, but it costs one
# more run of the formula for each knob. A small network for digits has 100,000 knobs.
#
# So let us think instead. The formula is three small steps:
#
#     a = x · y        if x moves by 1, a moves by y;  if y moves by 1, a moves by x
#     b = sin(x)       if x moves by 1, b moves by cos(x)
#     z = a + b        if a moves by 1, z moves by 1;  the same for b
#
# Each step is so simple that we know its slopes by heart. So let each number remember which numbers it was
# made from, and how steep the step was.


# %%
class Number:
    """A number that remembers what it was made from: pairs of another Number and the slope by it."""

    def __init__(self, value, made_from=()):
        self.value = value
        self.made_from = made_from

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])


def sin(a):
    return Number(math.sin(a.value), [(a, math.cos(a.value))])


X, Y = Number(3.0), Number(2.0)
Z = X * Y + sin(X)
print("the result is", Z.value)
print("it was made from", [round(parent.value, 4) for parent, _ in Z.made_from])

# %% [markdown]
# Notice that `X * Y + sin(X)` is written as always. Nobody told the class about this formula; it saw three
# small steps go by, and each result kept a note.
#
# ## Walking back
#
# The **chain rule** of school: if z moves 1 time as far as a, and a moves 2 times as far as x, then z moves
# 1 × 2 times as far as x. *Along a way, slopes multiply.* And if x reaches z in two ways, both movements
# arrive, so *ways add*. As code, that is three lines:


# %%
def slope(z, x):
    """How many times as far as x does z move?"""
    if z is x:
        return 1.0
    return sum(step * slope(parent, x) for parent, step in z.made_from)


# %% [markdown]
# **Predict.** x is 3 and y is 2. With the three steps above, what are the slopes of z = x·y + sin(x) by x,
# and by y? (cos 3 is −0.99. You know the first one already, roughly: you have tried it.)

# %%
print("slope by x:", slope(Z, X), "  with pen and paper, y + cos x =", 2 + math.cos(3))
print("slope by y:", slope(Z, Y), "  with pen and paper, x =", 3.0)

# %% [markdown]
# No trying, no rounding, and no formula was ever differentiated: only multiplication, addition and the sine
# know their own slopes. A loop works just as well, since the numbers do not know that there was one:

# %%
power = Number(1.0)
for _ in range(5):
    power = power * X
print("x⁵ at 3 is", power.value, "and its slope", slope(power, X), "; pen and paper say 5·x⁴ =", 5 * 3**4)

# %% [markdown]
# ## In earnest
#
# The engine of this repository does the same; its number is called `Tensor`, and may be a whole array. You
# say which numbers you want slopes for, compute, and call `backward()`. The slope then lies in `.grad`:

# %%
x = ad.Tensor(3.0, requires_grad=True, name="x")
y = ad.Tensor(2.0, requires_grad=True, name="y")
z = x * y + ad.sin(x)
z.backward()
print("slope by x:", x.grad.item(), "  slope by y:", y.grad.item())

# %% [markdown]
# This is the line where a result of the engine remembers what it was made from:

# %%
point(Node, "self.inputs = inputs")

# %% [markdown]
# And this is a page to play with: step forward to compute, then backward and watch the slopes arrive. Click
# a number to change it; everything is computed again.

# %%
show(viz.explore(lambda x, y: x * y + ad.sin(x), x, y, title="z = x·y + sin x"), "01_a_number_that_remembers")

# %% [markdown]
# ## Exercise
#
# Our class cannot divide. Write down what division has to remember: the value of a / b, its slope by a, and
# its slope by b. (For plain numbers; b is not 0.)


# %%
def divide(a, b):
    """Return a / b, its slope by a, and its slope by b."""
    return a / b, ..., ...


exercise.check(divide)

# %% [markdown]
# **Next:** lesson 2, where the engine writes its notes at one single door.
