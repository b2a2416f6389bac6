"""What the tests of the job share: real digits."""

import pytest

from mnist import data


@pytest.fixture(scope="session")
def digits():
    """The 5,000 real digits: 4,000 to train on and 1,000 to test on."""
    return data.load("mnist-5k", announce=lambda line: None)
