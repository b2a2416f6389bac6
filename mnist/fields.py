"""A dataclass from the fields that JSON has of it, each checked against its type: a file may say anything."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")


def from_json(kind: type[Kind], fields: Any) -> Kind:
    """Return the dataclass whose fields, as JSON has them, are these and no others.

    A field may be a bool, int, float, str, Path, a Literal of str, a tuple of any length, or one of these or None.

    Raises:
        ValueError: a field is missing, unknown or of another type.
    """
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    if not isinstance(fields, dict):
        raise ValueError(f"these are not the fields of a {kind.__name__}")
    if others := fields.keys() ^ set(names):
        raise ValueError(f"a {kind.__name__} of another version, which differs in {', '.join(sorted(others))}")
    return kind(**{name: _value(hints[name], fields[name], name) for name in names})


def replaced(default: Kind, fields: dict[str, Any]) -> Kind:
    """Return a dataclass with some of its fields replaced by what JSON, or TOML, has of them.

    Raises:
        ValueError: a field is unknown or of another type.
    """
    hints = get_type_hints(type(default))
    if unknown := fields.keys() - hints.keys():
        raise ValueError(f"there is no setting {', '.join(sorted(unknown))}")
    return dataclasses.replace(  # type: ignore[type-var]
        default, **{name: _value(hints[name], value, name) for name, value in fields.items()}
    )


def _value(hint: Any, value: Any, name: str) -> Any:
    """Return a value of JSON as the type of a field has it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal and type(value) is str and value in arguments:
        return value
    if origin is UnionType:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else _value(inner, value, name)
    if origin is tuple and type(value) is list:
        return tuple(_value(arguments[0], item, name) for item in value)
    if hint is float and type(value) in (int, float):
        return float(value)
    if hint is Path and type(value) is str:
        return Path(value)
    if hint in (bool, int, str) and type(value) is hint:
        return value
    raise ValueError(f"{name} is not what it should be: {value!r:.50}")
