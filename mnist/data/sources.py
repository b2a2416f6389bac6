"""The data sets that are known by their bytes: one row each in SOURCES."""

from dataclasses import dataclass

from mnist.data import idx
from mnist.data.dataset import SIDE, Split


@dataclass(frozen=True)
class File:
    """An IDX file: its name, its SHA-256, and the SHA-256 of the gzip file that the mirrors serve."""

    name: str
    sha256: str
    gzip_sha256: str

    @property
    def gzip_name(self) -> str:
        """The name on the mirrors and in the cache."""
        return f"{self.name}.gz"

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names under which people keep the file, in the order in which they are tried."""
        dotted = self.name.replace("-idx", ".idx")
        return self.name, self.gzip_name, dotted, f"{dotted}.gz"


@dataclass(frozen=True)
class Source:
    """A data set that is known by its bytes, and where to get it."""

    name: str
    title: str
    mirrors: tuple[str, ...]
    train_images: File
    train_labels: File
    test_images: File
    test_labels: File
    train_csv: str
    test_csv: str

    @property
    def files(self) -> tuple[File, File, File, File]:
        """The four IDX files."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    def matches(self, train: Split, test: Split) -> bool:
        """Whether these are the very bytes of the data set, whatever files they were read from."""
        arrays = (
            train.images.reshape(-1, SIDE, SIDE),
            train.labels,
            test.images.reshape(-1, SIDE, SIDE),
            test.labels,
        )
        return all(idx.sha256(array) == file.sha256 for array, file in zip(arrays, self.files, strict=True))


MNIST = Source(
    name="mnist",
    title="MNIST",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    train_images=File(
        "train-images-idx3-ubyte",
        sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        gzip_sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    train_labels=File(
        "train-labels-idx1-ubyte",
        sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        gzip_sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    test_images=File(
        "t10k-images-idx3-ubyte",
        sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        gzip_sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    test_labels=File(
        "t10k-labels-idx1-ubyte",
        sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        gzip_sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    train_csv="mnist_train.csv",
    test_csv="mnist_test.csv",
)

SOURCES = {source.name: source for source in (MNIST,)}
