"""Trainings laid over one another: what is drawn is what was handed over, on a light ground and on a dark one."""

import io
import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from viz.side_by_side import draw_accuracies, draw_differences, draw_losses, draw_marks

CURVES = {"by hand": [2.0, 1.0, 0.5], "the engine": [2.0, 1.1, 0.25]}


def lines_of(figure):
    (axes,) = figure.axes
    return {line.get_label(): line for line in axes.lines}


@pytest.mark.parametrize("draw", [draw_losses, draw_differences, draw_accuracies])
def test_every_training_has_a_line_of_its_own_look_and_an_entry_of_the_legend(draw):
    figure = draw(CURVES)
    lines = lines_of(figure)
    assert list(lines) == list(CURVES)
    for name, values in CURVES.items():
        np.testing.assert_array_equal(lines[name].get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(lines[name].get_ydata(), values)
    assert len({line.get_color() for line in lines.values()}) == 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(CURVES)


def test_a_training_has_the_same_colour_in_every_picture():
    differences = draw_differences({"the engine": CURVES["the engine"]})
    figures = draw_losses(CURVES), draw_accuracies(CURVES), differences
    assert len({lines_of(figure)["the engine"].get_color() for figure in figures}) == 1


def test_where_lines_coincide_all_are_seen():
    widths = [line.get_linewidth() for line in lines_of(draw_losses({str(i): [1.0, 1.0] for i in range(9)})).values()]
    assert all(below > above for below, above in itertools.pairwise(widths))


def test_more_trainings_than_colours_look_different_all_the_same():
    lines = lines_of(draw_differences({str(i): [1.0, 1.0] for i in range(12)})).values()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


def test_of_many_steps_a_point_is_the_mean_of_losses_and_the_largest_of_differences():
    values = np.arange(1.0, 4001.0)
    means, largest = (lines_of(draw({"a": values}))["a"].get_ydata() for draw in (draw_losses, draw_differences))
    assert len(means) == len(largest) == 400
    np.testing.assert_allclose(means, values.reshape(400, 10).mean(axis=1))
    np.testing.assert_array_equal(largest, values.reshape(400, 10).max(axis=1))


def test_a_difference_of_0_which_has_no_logarithm_is_left_out():
    (line,) = lines_of(draw_differences({"a": [0.0, 1e-7]})).values()
    np.testing.assert_array_equal(line.get_ydata(), [np.nan, 1e-7])


def test_marks_stand_in_the_line_of_their_name_and_none_is_left_out():
    figure = draw_marks(["first", "second"], {"reported": [90, None], "ours": [95.5, 97]})
    lines = lines_of(figure)
    np.testing.assert_array_equal(lines["reported"].get_xydata(), [[90, 1]])
    np.testing.assert_array_equal(lines["ours"].get_xydata(), [[95.5, 1], [97, 0]])
    (axes,) = figure.axes
    places = {text.get_text(): text.xy[1] for text in axes.texts}
    assert 1 < places["first"] < 1.5
    assert 0 < places["second"] < 0.5  # above the line, below the one before


@pytest.mark.parametrize("draw", [draw_losses, draw_differences, draw_accuracies])
def test_on_a_dark_ground_writing_is_light_and_the_other_way_round(draw):
    for dark in (False, True):
        written = io.BytesIO()
        figure = draw(CURVES, dark=dark)
        figure.savefig(written, format="raw")
        pixels = np.frombuffer(written.getvalue(), np.uint8).reshape(-1, 4)[:, :3].mean(axis=1)
        assert (np.median(pixels) < 60) == dark
        ground, writing = figure.get_facecolor(), figure.axes[0].xaxis.label.get_color()
        assert _contrast(ground, writing) > 7
        for line in figure.axes[0].lines:
            assert _contrast(ground, line.get_color()) > 2.5


def _contrast(one, other):
    """The contrast of two colours, from 1 to 21, as the Web Content Accessibility Guidelines define it."""

    def luminance(colour):
        rgb = np.array(to_rgb(colour))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
