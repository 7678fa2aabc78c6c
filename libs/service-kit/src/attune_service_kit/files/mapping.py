"""The mapping file: which column of a bank's extract becomes which column of a dataset (docs/reference/mapping.md)."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

Scalar = StrictStr | StrictBool
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """Return "; did you mean …?" if an allowed word is close, else nothing."""
    close = difflib.get_close_matches(str(word), list(allowed), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class Part(BaseModel):
    """A part of the mapping: an unknown key is refused with the keys that are allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            if key not in cls.model_fields:
                allowed = ", ".join(cls.model_fields)
                text = f"unknown key {key!r}; allowed are {allowed}{suggestion(key, cls.model_fields)}"
                raise PydanticCustomError("unknown_key", "{text}", {"text": text, "key": str(key)})
        return value


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Condition(Part):
    """True where the source column holds one of the values."""

    column: Text
    equals: Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]


class Source(Part):
    """Where one column's value comes from. Exactly one of column, constant, first_of and when is given.

    In a mapping a bare text is short for `{column: …}` and a list is short for `{first_of: […]}`.
    """

    column: Text | None = Field(None, description="column of the file, or join.column")
    constant: Scalar | None = Field(None, description="the same value in every row")
    first_of: Annotated[tuple["Source", ...], Field(min_length=1, max_length=8)] | None = Field(
        None, description="the first of these that gives a value"
    )
    when: dict[Name, Condition] | None = Field(None, description="flags only: flag → when it is set")

    empty: Annotated[tuple[str, ...], BeforeValidator(_texts)] = Field((), description="texts that mean: no value")
    codes: dict[str, Scalar | None] | None = Field(None, description="the bank's code → Attune's; others are rejected")
    otherwise: Scalar | None = Field(None, description="for codes that are not listed, instead of rejecting them")
    format: Text | None = Field(None, description="dates and moments: of YYYY YY MM DD hh mm ss and separators")
    century: Annotated[int, Field(ge=1800, le=2000, multiple_of=100)] | None = Field(None, description="with YY")
    women_month_plus: Annotated[int, Field(ge=12, le=87)] | None = Field(
        None, description="women's birth dates carry this number added to the month: gives birth_date and gender"
    )
    zone: Text | None = Field(None, description="moments without an offset: IANA time zone")
    places: Annotated[int, Field(ge=0, le=4)] | None = Field(None, description="decimal places; 2 by default")
    decimal: Literal[".", ","] = "."
    thousands: Literal[",", ".", " ", "'"] | None = None
    sign: Literal["absolute", "direction"] | None = Field(
        None, description="a signed amount: its absolute value, or its direction (negative = debit)"
    )
    present: bool = Field(False, description="true where the column is not empty")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [n for n in ("column", "constant", "first_of", "when") if getattr(self, n) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise PydanticCustomError(
                "origin", "give exactly one of column, constant, first_of, when; found {found}", {"found": found}
            )
        if "otherwise" in self.model_fields_set and self.codes is None:
            raise PydanticCustomError("otherwise", "'otherwise' belongs to 'codes'")
        return self

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"column": value}
        return {"first_of": value} if isinstance(value, list) else value


class Csv(Part):
    """How the files are written. One record is one line; a line break inside a value is not admitted."""

    separator: Literal[",", ";", "\t", "|"] = ","
    quote: Literal['"', "'", ""] = '"'
    names: tuple[Text, ...] | None = Field(None, description="column names of files that have no heading line")


class Join(Part):
    """Columns of another file of the extract; at most one line of it may match."""

    file: Text
    on: Annotated[dict[Text, Text], Field(min_length=1, max_length=4)] = Field(
        description="column of the dataset's file → column of this file"
    )
    where: tuple[Condition, ...] = Field((), description="only lines of this file that meet all of these")
    csv: Csv | None = None

    _inside = field_validator("file")(lambda value: _inside(value))


class DatasetMapping(Part):
    """One dataset: the file or files it is read from, and its columns."""

    file: Text = Field(description="name or pattern, relative to the extract's folder")
    csv: Csv | None = Field(None, description="where this file differs from the mapping's csv")
    where: tuple[Condition, ...] = Field((), description="only lines that meet all of these; the others are skipped")
    join: dict[Name, Join] = Field(default_factory=dict)
    columns: dict[str, Source] = Field(description="column of the dataset → where its value comes from")

    _inside = field_validator("file")(lambda value: _inside(value))


class Mapping(Part):
    """How a bank's extract becomes Attune's datasets."""

    source: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = Field(
        description="the source system's name: with the bank's ids it makes Attune's ids, so it must never change"
    )
    encoding: Literal["utf-8"] = "utf-8"
    csv: Csv = Csv()
    datasets: Annotated[dict[str, DatasetMapping], Field(min_length=1)]

    def as_object(self) -> dict[str, Any]:
        """Return the mapping as an object for a request's body: what was written, shorthands written out."""
        return self.model_dump(mode="json", exclude_unset=True)


def _inside(value: str) -> str:
    if value.startswith(("/", "~")) or "\\" in value or ".." in value.split("/"):
        raise PydanticCustomError("outside", "a file is named relative to the extract's folder and lies inside it")
    return value
