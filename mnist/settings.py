"""The settings of a run as a TOML file: `config.toml` in its folder, from which `--config` begins another like it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomli_w

from mnist.config import TrainConfig
from mnist.errors import UserError
from mnist.fields import replaced
from nets.files import in_short

_OF_THE_FOLDER = ("out", "resume")
"""Where a run is, and where it came from, is no setting of one like it."""


ERRORS = "surrogateescape"
"""How bytes that are no UTF-8 are written and read: the name of a folder may have some."""


def text(config: TrainConfig) -> str:
    """Write a configuration as TOML; what has no value is left out."""
    fields = {name: value for name, value in config.as_json().items() if name not in _OF_THE_FOLDER}
    return tomli_w.dumps({name: value for name, value in fields.items() if value is not None})


def read(path: Path) -> TrainConfig:
    """Read a configuration from a TOML file; what is not there is as by default.

    Raises:
        UserError: the file cannot be read, is no TOML, or says what is no setting or makes no sense.
    """
    try:
        return replaced(TrainConfig(), tomllib.loads(path.read_text(encoding="utf-8", errors=ERRORS)))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (RecursionError, UserError, ValueError) as error:
        raise UserError(f"{path}: {in_short(error)}") from error
