# %% [markdown]
# # 2 · One door, one tape
#
# Every operation passes through one door, which writes it down; everything else is a reader of what is
# written there.
#
# In lesson 1 each operation made its own note. An engine has sixty operations, and if each kept its notes
# in its own way, each new feature would have to be built sixty times. So here they all go through one
# function, `bind`. It computes the result and writes one line about it. The lines together are called the
# **tape**.

# %%
import autodiff as ad
import viz
from autodiff import tape
from mnist.lessons.exercises.exercise_02 import exercise
from mnist.lessons.showing import point, show

# %% [markdown]
# ## What a line of the tape says

# %%
x = ad.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
loss = (x * ad.exp(x)).sum()

line = loss.node
print("operation  ", line.primitive.name)
print("made from  ", line.inputs[0])
print("settings   ", line.attributes)
print("written at ", line.moment, "(every line has a later moment than those before it)")

# %% [markdown]
# There is no list anywhere. A result holds its line, the line holds what it was made from, and those hold
# their own lines. So the tape of a result is exactly what led to it, and when you forget the result, Python
# throws its tape away.
#
# ## A reader, in six lines


# %%
def tell(result, depth=0):
    """Print the tape of a result, the last operation first."""
    if isinstance(result, ad.Tensor) and result.node:
        print("  " * depth + result.node.primitive.name)
        for operand in result.node.inputs:
            tell(operand, depth + 1)
    else:
        print("  " * depth + (getattr(result, "name", None) or str(result)))


tell(loss)

# %% [markdown]
# This reader only prints. `backward` is another reader of the same lines; so are the pictures, the
# equations, and the compiler of this engine. None of them is known to the operations.
#
# ## When nothing is written
#
# A tape costs memory, so a line is written only where somebody could ask for a gradient.
#
# **Predict.** Which of these four results will have a line on the tape? `p = x * 2`, `q = c * 2` where c
# was made without `requires_grad`, `r = x * c`, and `s = x * 2` computed within `with ad.no_grad():`.

# %%
c = ad.Tensor([1.0, 1.0, 1.0])
p, q, r = x * 2, c * 2, x * c
with ad.no_grad():
    s = x * 2
for name, result in (("p", p), ("q", q), ("r", r), ("s", s)):
    print(name, "is on the tape" if result.node else "is only an array")

# %% [markdown]
# q leads back to nothing that wants a gradient, and s was told not to remember. One reason suffices: r has
# one operand that wants a gradient and one that does not.
#
# ## The door itself
#
# Because there is one door, you can stand beside it. Here somebody looks on at every operation, also at
# those that `backward` performs on the way back:


# %%
class Looking(tape.Watcher):
    """Count the operations that pass."""

    def __init__(self):
        self.seen = {}

    def operation(self, primitive, operands, attributes, result):
        self.seen[primitive.name] = self.seen.get(primitive.name, 0) + 1


looking = Looking()
with tape.watching(looking):
    loss = (x * ad.exp(x)).sum()
    forward = dict(looking.seen)
    loss.backward()
print("forward:          ", forward)
print("with the way back:", looking.seen)

# %% [markdown]
# The way back uses the same operations as the way there. (Remember that for lesson 12.) This is the moment
# at which the door writes a line, and what it asks before:

# %%
point(tape.bind, "result.node = Node(")
point(tape.bind, "if tracked and")

# %% [markdown]
# ## An operation of your own
#
# An operation is a *kernel*, which computes, and a *rule* for each operand, which says what goes back. A
# rule is given g, the slope of the final result by this operation's result, and returns the slope by the
# operand: g times the step's own slope.


# %%
@ad.primitive("cube", lambda g, out, a: g * 3 * a * a)
def cube(a):
    return a**3


y = cube(x).sum()
y.backward()
tell(y)
ad.check_gradients(cube, x)  # raises an error unless the rule agrees with trying
print("the rule of cube agrees with trying")

# %% [markdown]
# The page shows the tape as a graph; your own operation stands there like any other.

# %%
page = viz.explore(lambda x: (cube(x) * ad.exp(x)).sum(), x.detach(), title="Σ x³·eˣ")
show(page, "02_tape")

# %% [markdown]
# ## Exercise
#
# Write the rule of `reciprocal`, which computes 1 / a. Its slope is −1 / a², and `out` is 1 / a, already
# computed.


# %%
@ad.primitive("reciprocal", lambda g, out, a: ...)
def reciprocal(a):
    return 1 / a


exercise.check(reciprocal)

# %% [markdown]
# **Next:** lesson 3: in which order must the tape be read?
