"""Where one column's value comes from: the part of the mapping that speaks about values."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

Scalar = StrictStr | StrictBool
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Words(NamedTuple):
    """What is wrong, in both languages."""

    en: str
    zh: str


def suggestion(word: str, allowed: Iterable[str]) -> Words:
    """Return "; did you mean …?" if an allowed word is close, else nothing."""
    close = difflib.get_close_matches(str(word), list(allowed), n=1)
    return Words(f"; did you mean {close[0]!r}?", f"；是否为 {close[0]!r}？") if close else Words("", "")


def misfit(kind: str, en: str, zh: str, **where: str) -> PydanticCustomError:
    """A fault of a part of the mapping, to be raised by its validator."""
    return PydanticCustomError(kind, "{en}", {"en": en, "zh": zh, **where})


class Part(BaseModel):
    """A part of the mapping: an unknown key is refused with the keys that are allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            if key not in cls.model_fields:
                allowed = ", ".join(cls.model_fields)
                like = suggestion(key, cls.model_fields)
                en, zh = f"unknown key {key!r}; allowed are {allowed}", f"未知的键 {key!r}；可用的有 {allowed}"
                raise misfit("unknown_key", en + like.en, zh + like.zh, key=str(key))
        return value


def one_of(part: Part, names: Iterable[str]) -> None:
    """Refuse a part that gives none or several of these keys."""
    names = list(names)
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        listed = ", ".join(names)
        en = f"give exactly one of {listed}; found {' and '.join(given) or 'none'}"
        raise misfit("origin", en, f"{listed} 中必须且只能给出一个；现有：{'、'.join(given) or '无'}")


def _listed(value: Any) -> Any:
    """One item stands for a list of one."""
    return (value,) if isinstance(value, str | dict) else value


_OneOrMore = BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])
Texts = Annotated[tuple[str, ...], _OneOrMore, Field(min_length=1)]


class Condition(Part):
    """What a line must meet: exactly one test of one of its columns."""

    column: Text = Field(description="column of the file, or join.column")
    equals: Texts | None = Field(None, description="has one of these values")
    not_equals: Texts | None = Field(None, description="has none of these values")
    starts_with: Texts | None = Field(None, description="begins with one of these texts")
    filled: StrictBool | None = Field(None, description="has a value (true) or none (false)")
    same_as: Text | None = Field(None, description="has the same value as this other column")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        one_of(self, ("equals", "not_equals", "starts_with", "filled", "same_as"))
        return self


# One condition stands for a list of one; all of a list must hold.
Conditions = Annotated[
    tuple[Condition, ...],
    BeforeValidator(_listed, json_schema_input_type=Condition | tuple[Condition, ...]),
    Field(min_length=1, max_length=20),
]


class Case(Part):
    """A value for the lines that meet all conditions."""

    when: Conditions
    then: "Source"


class Source(Part):
    """Where one column's value comes from: exactly one of the first eight keys, and how its text is read.

    In a mapping a bare text is short for `{column: …}` and a list is short for `{first_of: […]}`.
    """

    column: Text | None = Field(None, description="column of the file, or join.column")
    constant: Scalar | None = Field(None, description="the same value in every row")
    first_of: Annotated[tuple["Source", ...], Field(min_length=1, max_length=8)] | None = Field(
        None, description="the first of these that gives a value"
    )
    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=50)] | None = Field(
        None, description="the value of the first case whose conditions hold; none if no case holds"
    )
    concat: Annotated[tuple["Source", ...], Field(min_length=2, max_length=8)] | None = Field(
        None, description="these texts one after the other; no value if one of them has none"
    )
    sum: Annotated[tuple["Source", ...], Field(min_length=2, max_length=8)] | None = Field(
        None, description="these amounts or numbers added up; no value if one of them has none"
    )
    difference: Annotated[tuple["Source", ...], Field(min_length=2, max_length=2)] | None = Field(
        None, description="the first amount or number less the second"
    )
    when: dict[Name, Conditions] | None = Field(None, description="flags only: flag → the conditions that set it")

    empty: Annotated[tuple[str, ...], _OneOrMore] = Field((), description="texts that mean: no value")
    characters: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1, le=10_000)]] | None = Field(
        None, description="only these of the text's characters: first and last, counted from 1"
    )
    strip_left: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = Field(
        None, description='a character that is dropped at the beginning, however often it stands there, e.g. "0"'
    )
    case: Literal["upper", "lower"] | None = Field(None, description="written in upper or lower case")
    codes: dict[str, Scalar | None] | None = Field(
        None, description="the bank's code → Attune's; a code that is not listed rejects the line, \"\" is: no value"
    )
    otherwise: Scalar | None = Field(None, description="for codes that are not listed, instead of rejecting the line")
    format: Text | None = Field(None, description="dates and moments: of YYYY YY MM DD hh mm ss and separators")
    century: Annotated[int, Field(ge=1800, le=2000)] | None = Field(
        None, description="with YY: the first of the hundred years meant; 1930 makes 30 to 99 1930 to 1999, 29 2029"
    )
    women_month_plus: Annotated[int, Field(ge=12, le=87)] | None = Field(
        None, description="women's birth dates carry this number added to the month: gives birth_date and gender"
    )
    plus_months: "Source | None" = Field(None, description="dates: so many months later, at most the month's last day")
    plus_days: "Source | None" = Field(None, description="dates: so many days later")
    zone: Text | None = Field(None, description="moments without an offset: IANA time zone, e.g. Asia/Shanghai")
    places: Annotated[int, Field(ge=0, le=4)] | None = Field(
        None, description="decimal places of the currency, 2 by default; an amount with more is rejected, never rounded"
    )
    unit: Literal["minor", "one", "thousand", "ten_thousand", "million", "hundred_million"] = Field(
        "one", description="what an amount counts: minor = the smallest coin, ten_thousand = 万, hundred_million = 亿"
    )
    decimal: Literal[".", ","] = Field(".", description="the decimal mark")
    thousands: Literal[",", ".", " ", "'"] | None = Field(None, description="the mark between thousands")
    minus: Literal["leading", "trailing", "brackets"] = Field(
        "leading", description="where a negative number's sign is: -1.00, 1.00- or (1.00)"
    )
    negative: Conditions | None = Field(None, description="the amount is negative where these conditions hold")
    sign: Literal["absolute", "direction"] | None = Field(
        None, description="of a signed amount: its absolute value, or its direction (negative = debit)"
    )
    present: bool = Field(False, description="true where the column has a value")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        one_of(self, ORIGINS)
        if "otherwise" in self.model_fields_set and self.codes is None:
            raise misfit("otherwise", "'otherwise' belongs to 'codes'", "'otherwise' 只能与 'codes' 一起使用")
        if self.characters and self.characters[0] > self.characters[1]:
            raise misfit("characters", "the first character lies behind the last", "起始字符位于结束字符之后")
        return self

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"column": value}
        return {"first_of": value} if isinstance(value, list) else value

    def parts(self) -> Iterable[tuple[tuple[str | int, ...], "Source"]]:
        """Yield the sources that this one is made of, with their places in it."""
        for name in ("first_of", "concat", "sum", "difference"):
            for index, part in enumerate(getattr(self, name) or ()):
                yield (name, index), part
        for index, case in enumerate(self.cases or ()):
            yield ("cases", index, "then"), case.then

    def conditions(self) -> Iterable[Condition]:
        """Yield the conditions that this source itself asks about."""
        for case in self.cases or ():
            yield from case.when
        for conditions in (self.when or {}).values():
            yield from conditions
        yield from self.negative or ()


ORIGINS = ("column", "constant", "first_of", "cases", "concat", "sum", "difference", "when")
