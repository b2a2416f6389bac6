"""Five well-known projects that train MNIST twice, by hand and in a framework: how they train, and what they report.

What a project does not say is chosen here: mini-batches of 64 where it does not say full batch, ten epochs, and the
learning rate that did best on a tenth of the training images, held out (seeds 0 and 1): of 0.03, 0.1 and 0.3 for SGD,
of 0.1, 0.3 and 1 where it takes all images at once, of 0.001, 0.003 and 0.01 for Adam.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnist.contestants.problem import InitName, OptimizerName, Problem


@dataclass(frozen=True)
class Classic:
    """A setting of a project.

    Attributes:
        project: its number, from 1.
        setting: what is trained, and how, for people.
        epochs: how often it goes through the training images.
        batch_size: None for all images at once.
        reported: the accuracy that the project reports, in percent, if it does.
        framework: who else trains it: the contestant of the framework in which the project does.
        on_dev_set: whether the accuracy is of training images that were held out.
        remark: what a reader should know of it.
        is_beyond: whether this net cannot reach what is reported; then the remark says so.
    """

    project: int
    setting: str
    layers: tuple[int, ...]
    optimizer: OptimizerName
    lr: float
    epochs: int
    reported: float | None
    batch_size: int | None = 64
    init: InitName = "he"
    framework: str | None = None
    on_dev_set: bool = False
    remark: str = ""
    is_beyond: bool = False

    def problem(self, images: int, seed: int) -> Problem:
        """Return what is trained, on so many images."""
        size = self.batch_size or images
        return Problem(self.layers, self.optimizer, size, seed, init=self.init, lr=self.lr)


CLASSICS = (
    Classic(1, "784-10-10, GD, 10 epochs", (784, 10, 10), "sgd", 0.1, 10, reported=89),
    Classic(
        1,
        "784-10-10, Adam, 10 epochs, in a framework",
        (784, 10, 10),
        "adam",
        1e-3,
        10,
        reported=97,
        framework="keras",
        remark="ten hidden units cannot reach 97 %: with distorted images and a one-cycle schedule they get to 94.5 % "
        "(python -m mnist.train --jit --preset tiny --repeat 3)",
        is_beyond=True,
    ),
    Classic(
        2,
        "784-128-10, GD, 10 epochs",
        (784, 128, 10),
        "sgd",
        0.3,
        10,
        reported=86,
        remark="of its one hidden layer the width is not said",
    ),
    Classic(
        2,
        "784-128-64-10, He, 10 epochs, dev set",
        (784, 128, 64, 10),
        "sgd",
        0.3,
        10,
        reported=92,
        on_dev_set=True,
        remark="its accuracy is on a dev set: a tenth of the training images, held out",
    ),
    Classic(
        3,
        "784-128-64-10, Xavier, mini-batches, 10 epochs",
        (784, 128, 64, 10),
        "sgd",
        0.3,
        10,
        reported=96.5,
        init="xavier",
    ),
    Classic(
        3,
        "784-512-256-10, Adam, batch 64, 10 epochs",
        (784, 512, 256, 10),
        "adam",
        1e-3,
        10,
        reported=97.43,
        framework="torch",
    ),
    Classic(
        4,
        "784-10-10, full-batch GD, 400 epochs",
        (784, 10, 10),
        "sgd",
        0.3,
        400,
        reported=88,
        batch_size=None,
        remark="it reads Kaggle's CSV, which has the same digits; --data-dir takes a folder of it",
    ),
    Classic(
        4,
        "784-10-10, Adam, 20 epochs",
        (784, 10, 10),
        "adam",
        1e-3,
        20,
        reported=92,
        framework="tf-function",
        remark="its net in TensorFlow is not said",
    ),
    Classic(
        5,
        "784-128-64-10, SGD, 10 epochs",
        (784, 128, 64, 10),
        "sgd",
        0.3,
        10,
        reported=None,
        framework="keras",
        remark="it reports no accuracy; its pipeline is tf.data",
    ),
)
