"""What the pictures of a run say is so: their texts, images, colours and lines are those of the numbers handed over."""

import io
import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import imread
from matplotlib.text import Text

from viz.confusion import draw_confusion
from viz.figures import BLUE, ORANGE, save
from viz.gradient_norms import draw_gradient_norms
from viz.mistakes import Shown, draw_mistakes
from viz.weights import draw_weights

RNG = np.random.default_rng(0)


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def pixels_of(figure):
    file = io.BytesIO()
    save(figure, file)
    file.seek(0)
    return imread(file, "png")[..., :3]


def texts_drawn_in(figure):
    """Return the texts that are seen when a figure is drawn; it holds more, such as ticks outside of an axis."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        draw = Text.draw
        patch.setattr(Text, "draw", lambda text, renderer: (found.append(text), draw(text, renderer))[1])
        figure.draw_without_rendering()
    return [text for text in found if text.get_visible() and text.get_text()]


# ── confusion ───────────────────────────────────────────────────────────────────────────────────────────


def confusion(missing=None):
    counts = RNG.integers(0, 30, (10, 10)) + np.diag(RNG.integers(900, 1100, 10))
    if missing is not None:
        counts[missing] = 0
    counts[0, 1:4] = 0
    return counts


def test_the_texts_of_the_confusion_matrix_are_the_counts_each_in_its_place():
    counts = confusion()
    axes = draw_confusion(counts).axes[0]
    found = {(round(x), round(y)): text for text in axes.texts for x, y in [text.get_position()]}
    assert len(axes.texts) == len(found) == 100
    for (i, j), count in np.ndenumerate(counts):
        assert found[j, i].get_text() == f"{count:,}"  # a row for each digit, a column for each answer
    assert axes.get_ylabel() == "the image is"
    assert axes.get_xlabel() == "the network says"
    assert f"{np.trace(counts):,} of {counts.sum():,}" in axes.get_title()


CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def test_a_confusion_matrix_of_clothes_names_them_and_has_room_for_the_names():
    figure = draw_confusion(confusion(), CLOTHES)
    axes, pixels = figure.axes[0], pixels_of(figure)
    assert tuple(label.get_text() for label in axes.get_xticklabels()) == CLOTHES
    assert tuple(label.get_text() for label in axes.get_yticklabels()) == CLOTHES
    others = [axes.get_window_extent(), axes.xaxis.label.get_window_extent(), axes.yaxis.label.get_window_extent()]
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        box = label.get_window_extent()
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= pixels.shape[1]
        assert not any(box.overlaps(other) for other in others)


def test_the_shades_of_the_confusion_matrix_are_the_shares_of_each_row():
    counts = confusion()
    (image,) = draw_confusion(counts).axes[0].images
    np.testing.assert_allclose(image.get_array(), counts / counts.sum(axis=1, keepdims=True))
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)
    assert to_hex(image.to_rgba(0.0)) == "#ffffff"


@pytest.mark.parametrize("share", [1, 10, 100, 200, 240, 260, 300, 500, 1000])
def test_a_number_in_the_confusion_matrix_can_be_read_on_its_shade(share):
    axes = draw_confusion(np.array([[share, 1000 - share], [1, 999]])).axes[0]
    paper, ink = axes.images[0].to_rgba(share / 1000), to_rgb(axes.texts[0].get_color())
    light, dark = sorted((luminance(paper), luminance(ink)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 4.5


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def test_a_digit_of_which_there_are_no_images_has_no_share_right():
    counts = confusion(missing=4)
    figure = draw_confusion(counts)
    margin = next(axis for axis in figure.axes[0].child_axes)
    told = [label.get_text() for label in margin.get_yticklabels()]
    assert told[4] == "no images"
    for digit in {*range(10)} - {4}:
        assert told[digit] == f"{counts[digit, digit] / counts[digit].sum():.1%}"
    assert (figure.axes[0].images[0].get_array()[4] == 0).all()


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────


def shown(count):
    return [
        Shown(RNG.integers(0, 256, (28, 28), np.uint8), i % 10, (i + 3) % 10, 0.01 * i, 0.9 - 0.01 * i)
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [1, 4, 5, 6, 20])
def test_below_each_mistake_stand_its_labels_and_their_probabilities(count):
    given = shown(count)
    axes = draw_mistakes(given, mistakes=count, images=1000).axes[0]
    assert len(axes.images) == count
    assert len(axes.texts) == 2 * count
    for each, image, said, instead in zip(given, axes.images, axes.texts[::2], axes.texts[1::2], strict=True):
        np.testing.assert_array_equal(image.get_array(), each.image)
        left, right, bottom, top = image.get_extent()
        x, y = said.get_position()
        assert left < x < right
        assert top < bottom < y < instead.get_position()[1]
        assert not any(top - 3 < instead.get_position()[1] < bottom + 3 for _, _, bottom, top in extents(axes))
        assert said.get_text() == f"is {each.label}: {percent(each.p_label)}"
        assert instead.get_text() == f"read as {each.guess}: {percent(each.p_guess)}"
        assert (said.get_color(), instead.get_color()) == (BLUE, ORANGE)


def test_mistakes_among_clothes_name_them_and_the_names_do_not_run_together():
    pairs = [(9, 9), (9, 2), (2, 9), (7, 1), (1, 7)] * 2
    given = [Shown(np.zeros((28, 28), np.uint8), i, j, 0.01, 0.985) for i, j in pairs]
    figure = draw_mistakes(given, mistakes=10, images=1000, names=CLOTHES)
    axes, pixels = figure.axes[0], pixels_of(figure)
    told = [text.get_text() for text in axes.texts]
    assert told[2:4] == ["is ankle boot: 1.0%", "read as pullover: 98.5%"]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= pixels.shape[1]


def extents(axes):
    return [image.get_extent() for image in axes.images]


def percent(p):
    return "< 0.1%" if p == 0 else f"{100 * p:.1f}%"


def test_ink_is_black_on_white_and_the_right_way_up():
    picture = np.zeros((28, 28), np.uint8)
    picture[:14, :7] = 255  # above and to the left
    figure = draw_mistakes([Shown(picture, 1, 2, 0.1, 0.9)], mistakes=1, images=10)
    pixels, (image,) = pixels_of(figure), figure.axes[0].images
    box = image.get_window_extent()
    height = len(pixels)

    def at(across, down):
        return pixels[int(height - box.y1 + down * box.height), int(box.x0 + across * box.width)].tolist()

    assert at(0.1, 0.25) == [0, 0, 0]
    assert at(0.1, 0.75) == at(0.5, 0.25) == at(0.9, 0.9) == [1, 1, 1]


def test_a_probability_is_neither_nothing_nor_certain():
    given = [Shown(np.zeros((28, 28)), 1, 7, 1e-12, 1 - 1e-12), Shown(np.zeros((28, 28)), 1, 7, 0.0012, 0.9985)]
    told = texts_of(draw_mistakes(given, 2, 9).axes[0])
    assert told == ["is 1: < 0.1%", "read as 7: > 99.9%", "is 1: 0.1%", "read as 7: 99.9%"]


@pytest.mark.parametrize(
    ("count", "mistakes", "title"),
    [
        (20, 241, "The 20 worst of 241 mistakes, the worst first, on 10,000 test images"),
        (3, 3, "All 3 mistakes, the worst first, on 10,000 test images"),
        (1, 1, "The only mistake on 10,000 test images"),
    ],
)
def test_the_title_says_how_many_mistakes_there_are_and_how_many_of_them_are_here(count, mistakes, title):
    assert draw_mistakes(shown(count), mistakes, 10_000).get_suptitle() == title


def test_where_there_are_no_mistakes_the_picture_says_so():
    axes = draw_mistakes([], mistakes=0, images=1000).axes[0]
    assert not axes.images
    assert texts_of(axes) == ["No mistakes:\nall 1,000 test images are right."]


# ── weights ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scale", [(-1, 0.2), (-0.1, 3), (0, 0)])
def test_the_scale_of_the_weights_is_the_same_to_both_sides_and_white_at_zero(scale):
    figure = draw_weights(RNG.uniform(*scale, (10, 28, 28)), 10)
    (image,) = figure.axes[0].images
    assert image.norm.vmin == -image.norm.vmax < 0
    assert to_hex(image.to_rgba(0.0)) == "#ffffff"
    below, above = (image.to_rgba(0.5 * end)[:3] for end in image.get_clim())
    assert below[2] > below[0]
    assert above[0] > above[2]


@pytest.mark.parametrize("n", [1, 5, 10, 16, 100, 128])
def test_each_picture_is_the_weights_of_a_unit_row_by_row(n):
    weights = RNG.standard_normal((n, 28, 28))
    (image,) = draw_weights(weights, n).axes[0].images
    mosaic = image.get_array().filled(np.nan)
    for picture, (top, left) in zip(weights, corners_in(mosaic), strict=True):
        np.testing.assert_array_equal(mosaic[top : top + 28, left : left + 28], picture)
    assert np.isfinite(mosaic).sum() == weights.size


def corners_in(mosaic):
    """Return where there are numbers without any above and to the left, in the order of reading."""
    inside = np.pad(np.isfinite(mosaic), 1)
    return np.argwhere(inside[1:-1, 1:-1] & ~inside[:-2, 1:-1] & ~inside[1:-1, :-2]).tolist()


@pytest.mark.parametrize("n", [1, 10, 20, 72, 128])
def test_a_weight_is_a_square_of_whole_pixels(n):
    figure = draw_weights(RNG.standard_normal((n, 28, 28)), n)
    axes, pixels = figure.axes[0], pixels_of(figure)
    box, (rows, columns) = axes.get_window_extent(), axes.images[0].get_array().shape
    each = round(box.width / columns)
    assert box.width == pytest.approx(each * columns)
    assert each >= 2
    top, left = round(len(pixels) - box.y1), round(box.x0)
    sheet = pixels[top : top + rows * each, left : left + columns * each].reshape(rows, each, columns, each, 3)
    assert (sheet == sheet[:, :1, :, :1]).all()


def test_labels_and_how_many_there_are_are_told_where_there_is_something_to_tell():
    weights = RNG.standard_normal((10, 28, 28))
    labelled = draw_weights(weights, 10, [f"digit {d}" for d in range(10)]).axes[0]
    assert texts_of(labelled) == [f"digit {d}" for d in range(10)]
    corners = corners_in(labelled.images[0].get_array().filled(np.nan))
    for (top, left), text in zip(corners, labelled.texts, strict=True):
        x, y = text.get_position()
        assert left < x < left + 28
        assert top - 10 < y < top
    assert texts_of(draw_weights(weights, 10).axes[0]) == []
    assert draw_weights(weights, 10).axes[0].get_title() == "What each unit of the first layer looks for"
    assert draw_weights(weights, 800).axes[0].get_title().endswith("the first 10 of 800")


def test_a_few_weights_far_larger_than_the_rest_do_not_bleach_them():
    weights = RNG.uniform(-1, 1, (10, 28, 28))
    weights[0, 0, :5] = 100
    (image,) = draw_weights(weights, 10).axes[0].images
    assert 0.9 < image.norm.vmax < 1.1


def test_a_few_weights_that_are_not_zero_have_a_scale():
    weights = np.zeros((10, 28, 28))
    weights[2, 3, 4] = -5
    assert draw_weights(weights, 10).axes[0].images[0].get_clim() == (-5, 5)


def test_weights_that_are_no_numbers_leave_the_scale_to_the_others():
    weights = RNG.uniform(-1, 1, (10, 28, 28))
    weights[0], weights[1] = np.nan, np.inf
    assert 0.9 < draw_weights(weights, 10).axes[0].images[0].norm.vmax < 1


# ── gradient norms ──────────────────────────────────────────────────────────────────────────────────────


def norms(layers, epochs):
    return {f"{i}: 32 → 32": np.exp(RNG.normal(-i, 0.2, epochs)).tolist() for i in range(1, layers + 1)}


@pytest.mark.parametrize(("layers", "epochs"), [(1, 1), (3, 1), (3, 10), (10, 10), (10, 400)])
def test_each_layer_has_a_line_of_its_norms_and_of_its_own_colour(layers, epochs):
    given = norms(layers, epochs)
    figure = draw_gradient_norms(range(1, epochs + 1), given)
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert [line.get_label() for line in axes.lines] == list(given)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(given)
    for line, values in zip(axes.lines, given.values(), strict=True):
        assert line.get_ydata().tolist() == values
        assert line.get_xdata().tolist() == [*range(1, epochs + 1)]
        assert (line.get_marker() == "o") == (epochs <= 40)
        low, high = axes.get_ylim()
        assert low < min(values) <= max(values) < high
    assert len({to_hex(line.get_color()) for line in axes.lines}) == layers


def test_a_gradient_of_zero_is_a_triangle_below_the_others():
    given = {f"{i}": [0.0, 0.0, 0.0] for i in range(7)} | {"7": [0.0, 0.5, 0.25], "8": [0.5, 0.1, 0.2]}
    figure = draw_gradient_norms([1, 2, 3], given)
    (axes,) = figure.axes
    triangles = [line for line in axes.lines if line.get_marker() == "v" and len(line.get_xdata())]
    assert [line.get_xdata().tolist() for line in triangles] == [*[[1, 2, 3]] * 7, [1]]
    assert figure.legends[0].get_texts()[-1].get_text() == "exactly 0"
    heights = [line.get_ydata()[0] for line in triangles]
    least = axes.transAxes.inverted().transform(axes.transData.transform((1, 0.1)))[1]
    assert (np.diff([0, *heights, least]) > 0.01).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_is_a_gap(value):
    (axes,) = draw_gradient_norms([1, 2, 3], {"1": [0.5, value, 0.25]}).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.5, np.nan, 0.25])
    assert axes.get_ylim()[1] < 10


# ── every picture ───────────────────────────────────────────────────────────────────────────────────────

PICTURES = {
    "confusion": lambda: draw_confusion(confusion()),
    "confusion of many": lambda: draw_confusion(100 * confusion(missing=7)),
    "no mistakes": lambda: draw_mistakes([], 0, 1000),
    "one mistake": lambda: draw_mistakes(shown(1), 1, 1000),
    "many mistakes": lambda: draw_mistakes(shown(20), 1234, 10_000),
    "unsure mistakes": lambda: draw_mistakes([s._replace(p_label=0, p_guess=1) for s in shown(20)], 1234, 10_000),
    "one unit": lambda: draw_weights(RNG.standard_normal((1, 28, 28)), 1),
    "ten digits": lambda: draw_weights(RNG.standard_normal((10, 28, 28)), 10, [f"digit {d}" for d in range(10)]),
    "units in rows of twelve": lambda: draw_weights(RNG.standard_normal((72, 28, 28)), 72),
    "many units": lambda: draw_weights(RNG.standard_normal((128, 28, 28)), 800),
    "no weights": lambda: draw_weights(np.zeros((20, 28, 28)), 20),
    "gradients of one layer and epoch": lambda: draw_gradient_norms([1], norms(1, 1)),
    "gradients of ten layers": lambda: draw_gradient_norms(range(1, 11), norms(10, 10)),
    "gradients of 400 epochs": lambda: draw_gradient_norms(range(1, 401), norms(3, 400)),
    "gradients that vanish": lambda: draw_gradient_norms([1, 2], {f"layer {i}": [0.0, 0.0] for i in range(10)}),
    "gradients over eight powers of ten": lambda: draw_gradient_norms([1, 2], {"1": [1e-7, 2e-7], "2": [1.0, 5.0]}),
    "gradients far apart": lambda: draw_gradient_norms([1, 2], {"1": [1e-30, 1e-20], "2": [1.0, 1e10]}),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_no_text_is_cut_covered_or_too_small_to_read_at_800_pixels(name):
    figure = PICTURES[name]()
    boxes = {text: text.get_window_extent() for text in texts_drawn_in(figure)}
    assert boxes
    width, height = figure.bbox.size
    assert 800 <= width <= 1150
    assert height <= 1.2 * width
    for text, box in boxes.items():
        assert 0 <= box.x0 < box.x1 <= width, text
        assert 0 <= box.y0 < box.y1 <= height, text
        assert text.get_fontsize() * figure.dpi / 72 * 800 / width >= 11, text  # pixels
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert min(a.x1, b.x1) <= max(a.x0, b.x0) or min(a.y1, b.y1) <= max(a.y0, b.y0), (one, other)


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    weights = RNG.standard_normal((16, 28, 28))
    for name in "ab":
        save(draw_weights(weights, 16), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"Matplotlib" not in (tmp_path / "a").read_bytes()
