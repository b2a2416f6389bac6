"""Answers to the exercises: right ones, written in different ways, and wrong ones with what should be said of them."""

import numpy as np

import autodiff as ad
import nets

# ── 1 ───────────────────────────────────────────────────────────────────────────────────────────────────


def by_product(a, b):
    """Divide as a · 1/b."""
    inverse = 1 / b
    return a * inverse, inverse, a * -inverse * inverse


# ── 2 ───────────────────────────────────────────────────────────────────────────────────────────────────


def reciprocal(rule, kernel=lambda a: 1 / a):
    return ad.primitive("reciprocal", rule)(kernel)


# ── 3 ───────────────────────────────────────────────────────────────────────────────────────────────────


def by_finishing(made_from, result):
    """Reverse the order in which a walk in depth finishes."""
    done = []

    def visit(name):
        if name not in done:
            for operand in made_from.get(name, []):
                visit(operand)
            done.append(name)

    visit(result)
    return done[::-1]


def by_counting(made_from, result):
    """Take a name when all that was made from it has been taken (A. Kahn, 1962)."""
    led = set(by_finishing(made_from, result))
    users = {name: sum(made_from.get(other, []).count(name) for other in led) for name in led}
    ready, taken = [result], []
    while ready:
        taken.append(name := ready.pop())
        for operand in made_from.get(name, []):
            users[operand] -= 1
            if not users[operand]:
                ready.append(operand)
    return taken


def as_met(made_from, result, last=False):
    """Walk in depth, or in breadth, and write each down when it is first met."""
    found, waiting = [], [result]
    while waiting:
        name = waiting.pop(-1 if last else 0)
        if name not in found:
            found.append(name)
            waiting += made_from.get(name, [])
    return found


# ── 4 ───────────────────────────────────────────────────────────────────────────────────────────────────


def by_getting(contributions):
    gradients = {}
    for name, contribution in contributions:
        gradients[name] = gradients.get(name, 0) + contribution
    return gradients


def by_grouping(contributions):
    names = {name for name, _ in contributions}
    return {name: np.sum([c for n, c in contributions if n == name], axis=0) for name in names}


def in_place(contributions):
    gradients = {}
    for name, contribution in contributions:
        if name in gradients:
            gradients[name] += contribution
        else:
            gradients[name] = contribution
    return gradients


def first_alone(contributions):
    gradients = {}
    for name, contribution in contributions:
        gradients.setdefault(name, contribution)
    return gradients


# ── 6 ───────────────────────────────────────────────────────────────────────────────────────────────────


def by_axes(g, shape):
    lacking = g.ndim - len(shape)
    axes = tuple(i for i in range(g.ndim) if i < lacking or shape[i - lacking] == 1)
    return g.sum(axis=axes, keepdims=True).reshape(shape)


def by_loops(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for i, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=i, keepdims=True)
    return g


def leading_alone(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g


def without_keepdims(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1))


# ── 8 ───────────────────────────────────────────────────────────────────────────────────────────────────


def double_where(x):
    good = x.data > 0
    return ad.where(good, ad.sqrt(ad.where(good, x, 1.0)), 0.0)


def masked(x):
    good = x.data > 0
    return ad.sqrt(x * good + ~good) * good


# ── 9 ───────────────────────────────────────────────────────────────────────────────────────────────────


def by_shifting(logits, labels, sign=1, mean=True, axis=1):
    z = logits - logits.max(axis=axis, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    rows = np.arange(len(labels))
    A = np.exp(log_p)
    A[rows, labels] -= 1
    return -log_p[rows, labels].mean(), sign * A / (len(labels) if mean else 1)


def by_one_hot(logits, labels):
    Y = np.eye(logits.shape[1])[labels]
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -np.where(Y > 0, log_p, 0).sum() / len(Y), (np.exp(log_p) - Y) / len(Y)


def from_the_book(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    Y = np.eye(logits.shape[1])[labels]
    return -np.log(p[Y > 0]).mean(), (p - Y) / len(Y)


def log_of_softmax(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    Y = np.eye(logits.shape[1])[labels]
    return -np.log(p[Y > 0]).mean(), (p - Y) / len(Y)


# ── 10 ──────────────────────────────────────────────────────────────────────────────────────────────────


def way_back(slope, factor=1.0):
    """Return an answer with a slope of the activation, as a function of A1."""

    def answer(X, A1, W2, A2, Y):
        dZ2 = factor * (A2 - Y) / len(X)
        dZ1 = (dZ2 @ W2.T) * slope(A1)
        return X.T @ dZ1, dZ1.sum(0), A1.T @ dZ2, dZ2.sum(0)

    return answer


def by_the_engine(X, A1, W2, A2, Y):
    dZ2 = (A2 - Y) / len(X)
    (dZ1,) = ad.vjp(ad.tanh, np.arctanh(A1))[1](dZ2 @ W2.T)
    return X.T @ dZ1.data, np.ones(len(X)) @ dZ1.data, (dZ2.T @ A1).T, np.ones(len(X)) @ dZ2


# ── 12 ──────────────────────────────────────────────────────────────────────────────────────────────────


def by_two_ways_back(f, x, v):
    return ad.grad(lambda x: (ad.grad(f)(x) * v).sum())(x)


def zeros_of_lost_tape(f, x, v):
    return ad.grad(lambda y: (ad.grad(f)(y.detach()) * v).sum() + 0 * y.sum())(ad.Tensor(x))


# ── 13 ──────────────────────────────────────────────────────────────────────────────────────────────────


def by_adding_rows(g, n):
    slopes = np.zeros(n)
    for i, row in enumerate(g):
        slopes[i : i + len(row)] += row
    return slopes


def overwriting(g, n):
    slopes = np.zeros(n)
    for i, row in enumerate(g):
        slopes[i : i + len(row)] = row
    return slopes


# ── 14 ──────────────────────────────────────────────────────────────────────────────────────────────────


def by_renaming(lines):
    stands, known, kept = {}, {}, []
    for name, operation, operands in lines:
        operands = tuple(stands.get(operand, operand) for operand in operands)
        first = known.setdefault((operation, operands), name)
        if first == name:
            kept.append((name, operation, operands))
        stands[name] = first
    return kept


def by_repeating(lines):
    """Drop one repeat after the other, until there is none."""
    for i, (late, *does) in enumerate(lines):
        for early, *did in lines[:i]:
            if does == did:
                rest = [line for line in lines if line[0] != late]
                return by_repeating([(n, op, tuple(early if o == late else o for o in os)) for n, op, os in rest])
    return lines


def without_renaming(lines):
    known = {}
    for name, *does in lines:
        known.setdefault(tuple(does), name)
    return [line for line in lines if line[0] in known.values()]


def once_through(lines):
    """Rename, but compare the lines as they were."""
    stands, known = {}, {}
    for name, *does in lines:
        stands[name] = known.setdefault(tuple(does), name)
    kept = [line for line in lines if stands[line[0]] == line[0]]
    return [(name, operation, tuple(stands.get(o, o) for o in operands)) for name, operation, operands in kept]


def by_operation_alone(lines):
    stands, known = {}, {}
    for name, operation, _ in lines:
        stands[name] = known.setdefault(operation, name)
    kept = [line for line in lines if stands[line[0]] == line[0]]
    return [(name, operation, tuple(stands.get(o, o) for o in operands)) for name, operation, operands in kept]


# ── 15 ──────────────────────────────────────────────────────────────────────────────────────────────────


def a_step(*order, give=lambda loss: loss.item()):
    """Return an answer that does these things in this order."""

    def train_step(model, optimizer, x, y):
        loss = nets.cross_entropy(model(x), y)
        doing = {"reset": optimizer.zero_grad, "back": lambda: loss.backward(), "step": optimizer.step}
        for thing in order:
            doing[thing]()
        return give(loss)

    return train_step


RIGHT = {
    1: [by_product, lambda a, b: (a / b, 1 / b, -a / b**2)],
    2: [lambda: reciprocal(lambda g, out, a: -g * out * out), lambda: reciprocal(lambda g, out, a: -g / (a * a))],
    3: [by_finishing, by_counting],
    4: [by_getting, by_grouping],
    5: [lambda g: np.cumsum(g[::-1])[::-1], lambda g: g @ np.tril(np.ones((len(g), len(g))))],
    6: [by_axes, by_loops],
    7: [
        lambda G, X, W: (G @ W.T, X.T @ G, G.sum(axis=0)),
        lambda G, X, W: ((W @ G.T).T, np.einsum("mn,mk->nk", X, G), np.ones(len(G)) @ G),
    ],
    8: [double_where, masked],
    9: [by_shifting, by_one_hot],
    10: [way_back(lambda A1: 1 - A1**2), by_the_engine],
    11: [
        lambda θ, g, v, lr, μ: (θ - lr * (μ * v + g), μ * v + g),
        lambda θ, g, v, lr, μ: (θ - lr * μ * v - lr * g, g + μ * v),
    ],
    12: [by_two_ways_back, lambda f, x, v: ad.jvp(ad.grad(f), (x,), (v,))[1]],
    13: [by_adding_rows, lambda g, n: ad.vjp(lambda x: ad.sliding_windows(x, g.shape[1]), np.zeros(n))[1](g)[0]],
    14: [by_renaming, by_repeating],
    15: [a_step("reset", "back", "step"), a_step("back", "step", "reset", give=float)],
}

WRONG = {
    1: [
        (lambda a, b: (a / b, 1 / b, a / b**2), "wrong sign"),
        (lambda a, b: (a / b, -a / b**2, 1 / b), "wrong way round"),
        (lambda a, b: (a / b, 1 / b, -1 / b**2), "forgets a"),
        (lambda a, b: (a / b, 1.0, -a / b**2), "the slope by a"),
        (lambda a, b: (a / b, 1 / b, 1 / b), "Trying gives"),
        (lambda a, b: a / b, "three numbers"),
    ],
    2: [
        (lambda: reciprocal(lambda g, out, a: -1 / (a * a)), "forgets to multiply it by g"),
        (lambda: reciprocal(lambda g, out, a: g * out * out), "sign"),
        (lambda: reciprocal(lambda g, out, a: -g * out), "out is needed twice"),
        (lambda: reciprocal(lambda g, out, a: -g / np.asarray(getattr(a, "data", a)) ** 2), "the second is not"),
        (lambda: reciprocal(lambda g, out, a: -g * out * out, lambda a: a), "the kernel"),
        (lambda: lambda a: 1 / a.data, "no Tensor"),
    ],
    3: [
        (as_met, "report too late"),
        (lambda made_from, result: as_met(made_from, result, last=True), "report too late"),
        (lambda made_from, result: by_finishing(made_from, result)[::-1], "the way there"),
        (lambda made_from, result: by_finishing(made_from, result)[:-1], "lacks"),
        (lambda made_from, result: sorted({"w", *by_finishing(made_from, result)}), "did not lead"),
        (lambda made_from, result: by_finishing(made_from, result) * 2, "twice"),
    ],
    4: [
        (lambda contributions: dict(contributions), "overwrites"),
        (in_place, "has been changed"),
        (first_alone, "later ones are lost"),
        (lambda contributions: {n: s / (3 if n == "x" else 1) for n, s in by_getting(contributions).items()}, "mean"),
        (lambda contributions: None, "empty"),
    ],
    5: [
        (np.cumsum, "goes forward"),
        (lambda g: g.copy(), "alone"),
        (lambda g: np.full_like(g, g.sum()), "sum of g to everybody"),
        (lambda g: np.cumsum(g[::-1])[::-1] - g, "moves y[i] too"),
        (lambda g: np.cumsum(g[::-1]), "gets"),
        (lambda g: g.sum(), "shape"),
    ],
    6: [
        (leading_alone, "still"),
        (without_keepdims, "keepdims"),
        (lambda g, shape: by_loops(g, shape) * np.prod(shape) / g.size, "mean"),
        (lambda g, shape: g[tuple(slice(0, n) for n in (1,) * (g.ndim - len(shape)) + shape)].reshape(shape), "picks"),
        (lambda g, shape: g, "still"),
        (lambda g, shape: 2 * by_loops(g, shape), "the sum over copies is"),
    ],
    7: [
        (lambda G, X, W: (G @ W.T, G.T @ X, G.sum(axis=0)), "shape of W.T"),
        (lambda G, X, W: (G @ W.T, X.T @ G, G.mean(axis=0)), "mean"),
        (lambda G, X, W: (G @ W.T, X.T @ G, G), "sum over the rows"),
        (lambda G, X, W: (G @ W.T, X.T @ G, G.sum(axis=0, keepdims=True)), "without keepdims"),
        (lambda G, X, W: (G @ W if len(W) == W.shape[1] else G @ W.T, X.T @ G, G.sum(axis=0)), "shapes cannot help"),
        (lambda G, X, W: (G @ W, X.T @ G, G.sum(axis=0)), "raises ValueError"),
    ],
    8: [
        (lambda x: ad.where(x.data > 0, ad.sqrt(x), 0.0), "a slope is NaN"),
        (lambda x: ad.sqrt(x), "negative number"),
        (lambda x: ad.sqrt(ad.maximum(x, 0.0) + 1e-6), "small number"),
        (lambda x: ad.sqrt(ad.maximum(x, 0.0)), "infinite"),
        (lambda x: np.sqrt(np.maximum(x.data, 0)), "not on the tape"),
    ],
    9: [
        (from_the_book, "exp overflows"),
        (log_of_softmax, "log of a softmax"),
        (lambda z, y: by_shifting(z, y, mean=False), "divide by m"),
        (lambda z, y: by_shifting(z, y, sign=-1), "uphill"),
        (lambda z, y: (len(y) * by_shifting(z, y)[0], by_shifting(z, y)[1]), "the sum over the rows"),
        (lambda z, y: (-by_shifting(z, y)[0], by_shifting(z, y)[1]), "wrong sign"),
        (lambda z, y: (by_shifting(z, y)[0], by_shifting(z, y, axis=0)[1]), "each row of the gradient"),
    ],
    10: [
        (way_back(lambda A1: 1.0), "slope of tanh is forgotten"),
        (way_back(lambda A1: A1 > 0), "relu's mask"),
        (way_back(lambda A1: 1 - np.tanh(A1) ** 2), "second time"),
        (way_back(lambda A1: 1 - A1**2, 6), "m times too large"),
        (way_back(lambda A1: 1 - A1**2, -1), "wrong sign"),
        (lambda X, A1, W2, A2, Y: (X.T @ A1, A1.sum(0), W2, Y.sum(0)), "dW2 is wrong"),
    ],
    11: [
        (lambda θ, g, v, lr, μ: (θ - lr * g, μ * v + g), "along g"),
        (lambda θ, g, v, lr, μ: (θ - lr * v, μ * v + g), "the old v"),
        (lambda θ, g, v, lr, μ: (θ - lr * (v + g), v + g), "friction"),
        (lambda θ, g, v, lr, μ: (θ + lr * (μ * v + g), μ * v + g), "uphill"),
        (lambda θ, g, v, lr, μ: (θ - μ * v - lr * g, μ * v + lr * g), "multiplied g by lr"),
        (lambda θ, g, v, lr, μ: (θ - lr * (μ * v + (1 - μ) * g), μ * v + (1 - μ) * g), "running"),
        (lambda θ, g, v, lr, μ: (θ - lr * g, v), "without memory"),
        (lambda θ, g, v, lr, μ: (θ - lr * np.add(v * μ, g, out=v), v), "has changed v"),
    ],
    12: [
        (lambda f, x, v: ad.grad(f)(x) * v, "not yet differentiated"),
        (lambda f, x, v: ad.grad(f)(x), "one derivative further"),
        (zeros_of_lost_tape, "lost its tape"),
        (lambda f, x, v: ad.grad(lambda x: ad.grad(f)(x).sum())(x), "v is not used"),
        (lambda f, x, v: np.diag(ad.hessian(f)(x).data) * v, "diagonal"),
        (lambda f, x, v: ad.hessian(f)(x).data @ v, "row by row"),
    ],
    13: [
        (overwriting, "overwrite"),
        (lambda g, n: by_adding_rows(g, n) / by_adding_rows(np.ones_like(g), n), "mean"),
        (lambda g, n: by_adding_rows(g[:, ::-1], n), "wrong way round"),
        (lambda g, n: g.sum(axis=1), "shape"),
    ],
    14: [
        (lambda lines: list(lines), "twice still"),
        (without_renaming, "which is dropped"),
        (once_through, "rename operands before you compare"),
        (by_operation_alone, "different things"),
        (lambda lines: lines[:0], "different things"),
    ],
    15: [
        (a_step("back", "step"), "not reset"),
        (a_step("reset", "back"), "nothing has moved"),
        (a_step("back", "reset", "step"), "nothing has moved"),
        (a_step("reset", "back", "step", give=lambda loss: loss), "keeps its whole tape"),
        (a_step("reset", "back", "step", give=lambda loss: None), "return missing"),
        (a_step("reset", "back", "step", "step"), "does not move by"),
    ],
}
