"""What is held out: as many of each class, the same for a seed, and nothing that is trained on."""

import numpy as np
import pytest

from mnist.data import Split
from mnist.errors import UserError
from mnist.validation import best_epoch, hold_out


def numbered(counts):
    """A split whose images are their own numbers, with so many of each class, mixed."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), counts)
    labels = np.random.default_rng(1).permutation(labels)
    images = np.zeros((len(labels), 784), np.uint8)
    images[:, :2] = np.stack(np.divmod(np.arange(len(labels)), 256), axis=1)
    return Split(images, labels)


def numbers_of(split):
    return split.images[:, 0].astype(int) * 256 + split.images[:, 1]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_each_class_gives_the_same_share_and_every_image_is_in_one_of_the_two(share):
    counts = [100, 200, 40, 60, 80, 20, 100, 100, 300, 120]
    split = numbered(counts)
    rest, held = hold_out(split, share, seed=0)
    assert np.bincount(held.labels, minlength=10).tolist() == [round(share * count) for count in counts]
    assert sorted([*numbers_of(rest), *numbers_of(held)]) == list(range(sum(counts)))
    for part in (rest, held):
        assert (np.diff(numbers_of(part)) > 0).all()
        np.testing.assert_array_equal(part.labels, split.labels[numbers_of(part)])


def test_the_seed_decides_what_is_held_out():
    split = numbered([50] * 10)
    one, same, other = (numbers_of(hold_out(split, 0.2, seed)[1]).tolist() for seed in (0, 0, 1))
    assert one == same
    assert len(set(one) & set(other)) < 50


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_holding_out_nothing_or_all_is_refused(share):
    with pytest.raises(UserError, match=rf"^--validation {share}: of 100 images it holds out (0|100)"):
        hold_out(numbered([10] * 10), share, seed=0)


def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss_then_comes_first():
    def history(*pairs):
        return [
            {"epoch": epoch, "validation_accuracy": accuracy, "validation_loss": loss}
            for epoch, (accuracy, loss) in enumerate(pairs, 1)
        ]

    assert best_epoch(history((0.9, 0.1), (0.8, 0.05))) == 1
    assert best_epoch(history((0.8, 0.1), (0.9, 0.5), (0.85, 0.1))) == 2
    assert best_epoch(history((0.9, 0.3), (0.9, 0.2), (0.9, 0.25))) == 2
    assert best_epoch(history((0.9, 0.3), (0.9, 0.3))) == 1
