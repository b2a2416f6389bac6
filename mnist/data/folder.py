"""A folder of data: which of its files are taken, and whether they go together."""

from pathlib import Path

from mnist.data import idx, kaggle
from mnist.data.dataset import CLASSES, PIXELS, SIDE, Dataset, Split
from mnist.data.sources import File, Source
from mnist.errors import UserError


def load(folder: Path, source: Source) -> Dataset:
    """Load what a folder holds in the form of `source`: four IDX files, or else two CSV files.

    The data set is named as `source` is if it is those very bytes, and "custom" if it is not.

    Raises UserError if the folder cannot be read or holds no such files, if some of them are
    missing, and if one is not well-formed.
    """
    names = _names(folder, source)
    found = [_spelling(file, names) for file in source.files]
    if any(found):
        _refuse_gaps(folder, {file.name: name for file, name in zip(source.files, found, strict=True)})
        return load_idx([folder / name for name in found if name], source)
    tables = (source.train_csv, source.test_csv)
    if names.intersection(tables):
        _refuse_gaps(folder, {name: name in names for name in tables})
        train, test = (kaggle.read(folder / name) for name in tables)
        return _identify(train, test, source)
    raise UserError(
        f"{folder}, named by --data-dir or ${source.variable}, holds no data: put "
        f"{', '.join(file.name for file in source.files)} there, each gzipped or not, "
        f"or {' and '.join(tables)}"
    )


def load_idx(paths: list[Path], source: Source) -> Dataset:
    """Load the four IDX files, in the order of `source.files`; named and refused as in `load`."""
    train_images, train_labels, test_images, test_labels = paths
    return _identify(_read_split(train_images, train_labels), _read_split(test_images, test_labels), source)


def _identify(train: Split, test: Split, source: Source) -> Dataset:
    name = source.name if source.matches(train, test) else "custom"
    if source.transposed:
        train, test = train.transposed(), test.transposed()
    return Dataset(name, train, test)


def _read_split(images_path: Path, labels_path: Path) -> Split:
    images, labels = idx.read(images_path, (SIDE, SIDE)), idx.read(labels_path, ())
    if len(images) != len(labels):
        raise UserError(
            f"{images_path} holds {len(images):,} images and {labels_path} {len(labels):,} labels: "
            "give it files that belong together"
        )
    if labels.max() >= CLASSES:
        row = int((labels >= CLASSES).argmax())
        raise UserError(
            f"{labels_path}: label {row + 1:,} is {labels[row]}, not one of 0 to 9; fetch it again"
        )
    return Split(images.reshape(-1, PIXELS), labels)


def _names(folder: Path, source: Source) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if path.is_file()}
    except OSError as error:
        raise UserError(
            f"{folder} cannot be read as a folder of data ({error.strerror}): "
            f"name another by --data-dir or ${source.variable}"
        ) from error


def _spelling(file: File, names: set[str]) -> str | None:
    return next((spelling for spelling in file.spellings if spelling in names), None)


def _refuse_gaps(folder: Path, files: dict[str, object]) -> None:
    missing = [name for name, there in files.items() if not there]
    if missing:
        raise UserError(f"{folder} lacks {' and '.join(missing)}: put the missing file there too")
