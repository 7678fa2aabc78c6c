"""Requests are read strictly: every model of a request's body is a `Body`, and that alone makes it so.

Unknown fields are refused. Numbers and booleans are JSON's own, never texts that look like them. Days and moments are
ISO 8601 texts between 1900 and 2100, moments with their offset. Texts are composed (NFC) and hold nothing that cannot
be seen; a text with a pattern is taken as it stands, any other is trimmed, and `FreeText` and `FileText` may have
several lines. The limits of a field (lengths, bounds) are its own to say; a test finds those that say none.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from attune_service_kit import texts, value_texts

EARLIEST, LATEST = date(1900, 1, 1), date(2100, 12, 31)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-5][0-9](\.[0-9]{1,6})?)?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_SEVERAL = "attune_several_lines"


class _SeveralLines:
    """Marks a text that may have several lines."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: dict[str, Any] = dict(handler(source))
        return cast(CoreSchema, schema | {"metadata": {**schema.get("metadata", {}), _SEVERAL: True}})


SEVERAL_LINES = _SeveralLines()
# JSON Schema's own "time" has an offset; an hour of the bank's day has none.
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
TimeOfDay = Annotated[time, WithJsonSchema({"type": "string", "pattern": _CLOCK, "examples": ["08:30:00"]})]
FileText = Annotated[str, StringConstraints(min_length=1, max_length=64 * 1024, pattern=r"^[\s\S]+$"), SEVERAL_LINES]
FreeText = Annotated[str, StringConstraints(min_length=1, max_length=2000), SEVERAL_LINES]


def day(value: Any) -> Any:
    """A day as ISO 8601 writes it; numbers that would count seconds are refused."""
    return _written(value, _DAY, date, value_texts.DAY)


def moment(value: Any) -> Any:
    """A moment as ISO 8601 writes it, with its offset."""
    return _written(value, _MOMENT, datetime, value_texts.MOMENT)


def clock(value: Any) -> Any:
    """A time of day, hours and minutes at least."""
    return _written(value, _TIME, time, value_texts.CLOCK)


def _written(value: Any, pattern: re.Pattern[str], kind: type, said: tuple[str, str]) -> Any:
    if isinstance(value, kind) or (isinstance(value, str) and pattern.fullmatch(value)):
        return value
    raise value_texts.Misfit(*said)


def _strict(node: Any) -> Any:
    """A copy of a core schema in which scalars are read as this module says."""
    if isinstance(node, list | tuple):
        return type(node)(_strict(each) for each in node)
    if not isinstance(node, dict):
        return node
    made = {key: value if key in ("metadata", "serialization") else _strict(value) for key, value in node.items()}
    read = _READ.get(made.get("type")) if isinstance(made.get("type"), str) else None
    return read(made) if read else made


def _scalar(node: dict[str, Any]) -> Any:
    return node | {"strict": True}


def _text(node: dict[str, Any]) -> Any:
    several_lines, as_it_stands = node.get("metadata", {}).get(_SEVERAL), node.get("pattern")
    if several_lines:
        clean = texts.file if as_it_stands else texts.free
    else:
        clean = texts.plain if as_it_stands else texts.trimmed
    return _before(lambda value: clean(value) if isinstance(value, str) else value, node)


def _date(node: dict[str, Any]) -> Any:
    return _before(day, {"ge": EARLIEST, "le": LATEST} | node)


def _datetime(node: dict[str, Any]) -> Any:
    first, last = datetime(1900, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)
    return _before(moment, {"ge": first, "lt": last} | node | {"tz_constraint": "aware"})


def _time(node: dict[str, Any]) -> Any:
    return _before(clock, node)


def _before(check: Callable[[Any], Any], node: dict[str, Any]) -> CoreSchema:
    return core_schema.no_info_before_validator_function(check, cast(CoreSchema, node))


_READ: dict[Any, Callable[[dict[str, Any]], Any]] = {
    "int": _scalar,
    "float": _scalar,
    "bool": _scalar,
    "str": _text,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
}


class Body(BaseModel):
    """The base of every model in a request's body."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        """Read every field of this model, and of the models in it, strictly."""
        strict: CoreSchema = _strict(handler(source))
        return strict
