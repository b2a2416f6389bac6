"""The data sets that are known by their names, and all but one by their bytes: one row each in SOURCES."""

from dataclasses import dataclass
from pathlib import Path

from mnist.data import idx
from mnist.data.dataset import CLASSES, SIDE, Split


@dataclass(frozen=True)
class File:
    """An IDX file: its name, its SHA-256, and the SHA-256 of the gzip file that the mirrors serve, where known."""

    name: str
    sha256: str | None = None
    gzip_sha256: str | None = None

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
    """A data set of ten classes, and where to get it.

    `system_folder` is where a distribution's package puts it. `transposed` images have their columns for rows.
    `competition_csv` are the two tables of Kaggle's competition, of which the second has no labels.
    """

    name: str
    title: str
    mirrors: tuple[str, ...]
    train_images: File
    train_labels: File
    test_images: File
    test_labels: File
    train_csv: str
    test_csv: str
    competition_csv: tuple[str, str] | None = None
    system_folder: Path | None = None
    transposed: bool = False
    classes: tuple[str, ...] = tuple(map(str, range(CLASSES)))

    @property
    def variable(self) -> str:
        """The environment variable that names its folder."""
        return f"{self.name.upper().replace('-', '_')}_DATA_DIR"

    @property
    def files(self) -> tuple[File, File, File, File]:
        """The four IDX files."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    @property
    def downloadable(self) -> bool:
        """Whether it is known what a download must be."""
        return all(file.gzip_sha256 for file in self.files)

    def matches(self, train: Split, test: Split) -> bool:
        """Whether these are the very bytes of the data set, so far as they are known, whatever they were read from."""
        arrays = (
            train.images.reshape(-1, SIDE, SIDE),
            train.labels,
            test.images.reshape(-1, SIDE, SIDE),
            test.labels,
        )
        known = [(array, file) for array, file in zip(arrays, self.files, strict=True) if file.sha256]
        return bool(known) and all(idx.sha256(array) == file.sha256 for array, file in known)


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
    competition_csv=("train.csv", "test.csv"),
)

FASHION_MNIST = Source(
    name="fashion-mnist",
    title="Fashion-MNIST",
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    train_images=File(
        "train-images-idx3-ubyte",
        sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        gzip_sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    train_labels=File(
        "train-labels-idx1-ubyte",
        sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        gzip_sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    test_images=File(
        "t10k-images-idx3-ubyte",
        sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        gzip_sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    test_labels=File(
        "t10k-labels-idx1-ubyte",
        sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        gzip_sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    train_csv="fashion-mnist_train.csv",
    test_csv="fashion-mnist_test.csv",
    system_folder=Path("/usr/share/datasets/fashion-mnist"),
    classes=(
        "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
)  # fmt: skip

KMNIST = Source(
    name="kmnist",
    title="Kuzushiji-MNIST",
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://storage.googleapis.com/kuzushiji-mnist/",
    ),
    train_images=File(
        "train-images-idx3-ubyte",
        gzip_sha256="51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    ),
    train_labels=File(
        "train-labels-idx1-ubyte",
        sha256="2a16eeae62da984b8bd24fa32e31d47291f01dac3fe84d5594f304f71e7d374b",
        gzip_sha256="e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    ),
    test_images=File(
        "t10k-images-idx3-ubyte",
        sha256="76fbd229ce87db80dd281af5e6670de4ad0e42fb30a7bd643972994c47c1f42e",
        gzip_sha256="edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    ),
    test_labels=File(
        "t10k-labels-idx1-ubyte",
        sha256="a11dc742be8e781a40a92f53d6a4957e7b7d36df2faa097659131ebfd8fd60c6",
        gzip_sha256="20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
    train_csv="kmnist_train.csv",
    test_csv="kmnist_test.csv",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
)

EMNIST_DIGITS = Source(
    name="emnist-digits",
    title="EMNIST digits",
    mirrors=(),  # NIST has it in one archive with all else of EMNIST
    train_images=File("emnist-digits-train-images-idx3-ubyte"),
    train_labels=File("emnist-digits-train-labels-idx1-ubyte"),
    test_images=File("emnist-digits-test-images-idx3-ubyte"),
    test_labels=File("emnist-digits-test-labels-idx1-ubyte"),
    train_csv="emnist-digits-train.csv",
    test_csv="emnist-digits-test.csv",
    transposed=True,
)

SOURCES = {source.name: source for source in (MNIST, FASHION_MNIST, KMNIST, EMNIST_DIGITS)}


def classes_of(name: str) -> tuple[str, ...]:
    """Return what the ten classes of a data set are called; those of the 5,000 digits are MNIST's."""
    return SOURCES.get(name, MNIST).classes
