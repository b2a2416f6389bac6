"""The fields of a dataclass, each checked against its type: a file may say anything, and so may who calls it."""

from __future__ import annotations

import dataclasses
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

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


def typed(instance: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as their types have them: a tuple where a list was given, a Path for a str.

    Raises:
        ValueError: a field is of another type.
    """
    hints, names = get_type_hints(type(instance)), [field.name for field in dataclasses.fields(instance)]
    return {name: _value(hints[name], getattr(instance, name), name) for name in names}


def _value(hint: Any, value: Any, name: str) -> Any:
    """Return a value of JSON, or of Python, as the type of a field has it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else _value(inner, value, name)
    if origin is Literal and type(value) is str and value in arguments:
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(arguments[0], item, f"each of {name}") for item in value)
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    if hint in (bool, str) and type(value) is hint:
        return value
    if hint in (int, float) and isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool):
        return hint(value)
    raise ValueError(f"{name} must be {_described(hint)}, not {value!r:.50}")


_NUMBERS = {int: Integral, float: Real}
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


def _described(hint: Any) -> str:
    """Say what a value of a type is."""
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    return f"a list, each of it {_described(get_args(hint)[0])}" if get_origin(hint) is tuple else _NAMES[hint]
