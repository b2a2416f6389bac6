"""Arrays come back from a file as they were, however they lie in memory."""

import numpy as np
import pytest

from nets import arrays

NUMBERS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "array",
    [NUMBERS, NUMBERS.T, NUMBERS[:, ::2], NUMBERS[::-1], NUMBERS.transpose(1, 0, 2), np.float64(3), np.zeros((0, 2))],
    ids=["in order", "transposed", "strided", "reversed", "permuted", "a number", "nothing"],
)
def test_an_array_comes_back_as_it_was(tmp_path, array):
    array = np.asarray(array)
    arrays.write(tmp_path / "file", {"it": array}, {"text": "with it"})
    found, text = arrays.read(tmp_path / "file")
    np.testing.assert_array_equal(found["it"], array)
    assert (found["it"].shape, found["it"].dtype) == (array.shape, array.dtype)
    assert text == {"text": "with it"}
