"""A trigger's definition: what the YAML file says, checked and typed. Its meaning: docs/reference/triggers.md. Pure."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from attune_expressions.own_fields import OwnField

Source = Literal["postings", "behaviours", "dates"]
Channel = Literal["relationship_manager", "call_centre", "mobile"]
Unit = Literal["minutes", "hours", "days", "months"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
ConditionText = Annotated[str, StringConstraints(min_length=1, max_length=4096)]

_SPAN = re.compile(r"([0-9]{1,5}) (minute|hour|day|month)s?", re.ASCII)
_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,11}(\.[0-9]{1,4})?", re.ASCII)
_UNITS: dict[str, Unit] = {"minute": "minutes", "hour": "hours", "day": "days", "month": "months"}
_MICROSECONDS = {"minutes": 60_000_000, "hours": 3_600_000_000}


class Misfit(ValueError):
    """A value that does not fit, in both languages; `at`: the key beneath that is at fault, where it is one."""

    def __init__(self, en: str, zh: str, *at: str) -> None:
        super().__init__(en)
        self.zh, self.at = zh, at


def _spelt(pattern: str, en: str, zh: str) -> tuple[AfterValidator, WithJsonSchema]:
    """A text of some characters only."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise Misfit(f"{en}, a letter first, at most 64", f"{zh}，以字母开头，至多 64 个字符")
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Name = Annotated[str, *_spelt("[a-z][a-z0-9-]{0,63}", "small letters, digits and -", "应为小写字母、数字与 -")]
Code = Annotated[str, *_spelt("[a-z][a-z0-9_-]{0,63}", "small letters, digits, _ and -", "应为小写字母、数字、_ 与 -")]


class Span(NamedTuple):
    """A length of time as it is written: a number of minutes, hours, days or months."""

    number: int
    unit: Unit

    @property
    def microseconds(self) -> int | None:
        """The length of a span in minutes or hours; None of one that counts days."""
        scale = _MICROSECONDS.get(self.unit)
        return None if scale is None else self.number * scale

    def __str__(self) -> str:
        return f"{self.number} {self.unit}"


def _span(value: Any) -> Any:
    if isinstance(value, Span):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Misfit(
            "a span is a number and a unit, e.g. 30 days, 6 months, 10 minutes",
            "时间跨度应为数字加单位，如 30 days、6 months、10 minutes",
        )
    return Span(int(found[1]), _UNITS[found[2]])


def _of(least: int, most: int, *units: Unit) -> AfterValidator:
    def check(span: Span) -> Span:
        if span.unit not in units:
            raise Misfit(f"this span is in {' or '.join(units)}", f"此处时间跨度的单位应为 {'、'.join(units)}")
        if not least <= span.number <= most:
            raise Misfit(f"from {least} to {most} {span.unit}", f"应在 {least} 至 {most} {span.unit} 之间")
        return span

    return AfterValidator(check)


def _factor(value: Any) -> Any:
    if isinstance(value, Fraction):
        return value
    text = str(value)
    if not _FACTOR.fullmatch(text):
        raise Misfit("a factor is a decimal of at most three places", "倍数应为至多三位小数的数")
    return Fraction(text)


def _amount(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    text = str(value)
    if not _AMOUNT.fullmatch(text):
        raise Misfit("an amount is a decimal number that is not negative", "金额应为非负小数")
    return Decimal(text)


def _shown(*units: str) -> WithJsonSchema:
    """How editors know a span."""
    return WithJsonSchema({"type": "string", "pattern": f"^[0-9]{{1,5}} ({'|'.join(units)})s?$"})


def _number(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{pattern}$"}]})


_written = BeforeValidator(_span)
AnySpan = Annotated[Span, _written, _of(1, 10_000, "minutes", "hours", "days"), _shown("minute", "hour", "day")]
DaySpan = Annotated[Span, _written, _of(1, 3_650, "days"), _shown("day")]
Past = Annotated[Span, _written, _of(1, 3_650, "days", "months"), _shown("day", "month")]
Lateness = Annotated[Span, _written, _of(0, 365, "days"), _shown("day")]
CoolDown = Annotated[Span, _written, _of(0, 3_650, "days"), _shown("day")]
Expiry = Annotated[Span, _written, _of(1, 8_760, "hours"), _shown("hour")]
Factor = Annotated[Fraction, BeforeValidator(_factor), _number(_FACTOR.pattern)]
Amount = Annotated[Decimal, BeforeValidator(_amount), _number(_AMOUNT.pattern)]


def _each_once(listed: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(listed)) != len(listed):
        raise Misfit("each of them stands here once", "列表中每项只能出现一次")
    return listed


def _sources() -> WithJsonSchema:
    one = {"enum": ["postings", "behaviours", "dates"]}
    return WithJsonSchema({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Texts(_Part):
    """A text in both languages."""

    zh: Text
    en: Text


class OwnHistory(_Part):
    """More than the subject's own past."""

    compare: Literal["amount", "sum", "count"] = "amount"
    within: DaySpan | None = None
    compared_with: Annotated[Literal["mean_closing_balance", "mean", "max", "sum", "count"], Field(alias="with")] = (
        "mean_closing_balance"
    )
    over: Past
    times: Factor = Fraction(1)

    @model_validator(mode="after")
    def _fit(self) -> "OwnHistory":
        if self.compare == "amount" and self.compared_with == "count":
            raise Misfit(
                "an amount is compared with mean_closing_balance, mean, max or sum",
                "amount 只能与 mean_closing_balance、mean、max 或 sum 比较",
            )
        if self.compare != "amount" and self.compare != self.compared_with:
            raise Misfit(
                f"a {self.compare} is compared with a {self.compare}", f"{self.compare} 只能与 {self.compare} 比较"
            )
        if (self.compare == "amount") != (self.within is None):
            raise Misfit(
                "sum and count have a span `within`, amount has none", "sum 与 count 需要 within，amount 不需要"
            )
        if self.compare != "amount" and self.over.unit != "days":
            raise Misfit("beside sum and count, `over` is in days", "与 sum、count 搭配时，over 的单位应为 days")
        return self


class Calendar(_Part):
    """Days before or after a date that a dataset knows."""

    of: Literal[
        "holding_matures_on", "holding_opened_on", "loan_matures_on", "card_expires_on", "birthday", "customer_since",
        "account_opened_on",
    ]  # fmt: skip
    offsets: Annotated[
        tuple[Annotated[int, Field(ge=-3_650, le=3_650)], ...],
        Field(min_length=1, max_length=10),
        AfterValidator(_each_once),
    ]
    yearly: bool = False


class Count(_Part):
    """Often within a span."""

    at_least: Annotated[int, Field(ge=2, le=1_000)]
    within: AnySpan


class Sequence(_Part):
    """A, then B."""

    first: ConditionText
    then: ConditionText
    within: AnySpan


class Absence(_Part):
    """A, then no B."""

    after: ConditionText
    without: ConditionText
    within: DaySpan


class Silence(_Part):
    """Nothing any more; with `had` and `has`, a customer whose assets are gone."""

    for_: Annotated[Past, Field(alias="for")]
    had: Amount | None = None
    has: Amount | None = None

    @model_validator(mode="after")
    def _fit(self) -> "Silence":
        if (self.had is None) != (self.has is None):
            raise Misfit("`had` and `has` stand together", "had 与 has 须同时给出")
        if (self.had is None) != (self.for_.unit == "days"):
            raise Misfit(
                "`for` is in days, and in months with `had` and `has`", "for 的单位为 days；给出 had 与 has 时为 months"
            )
        return self


class Change(_Part):
    """A ratio moved against the subject's own."""

    of: Literal["sum", "count", "share", "closing_balance"]
    share_of: ConditionText | None = None
    every: Literal["month", "week"] = "month"
    baseline: Annotated[int, Field(ge=1, le=24)] = 3
    falls_below: Factor | None = None
    rises_above: Factor | None = None
    begins: Literal[True] | None = None
    stops: Literal[True] | None = None
    moves_by: Factor | None = None
    at_least: Amount | None = None

    @model_validator(mode="after")
    def _fit(self) -> "Change":
        ways = ("falls_below", "rises_above", "begins", "stops", "moves_by")
        if sum(getattr(self, way) is not None for way in ways) != 1:
            raise Misfit(f"exactly one of {', '.join(ways)}", f"应恰好给出其一：{'、'.join(ways)}")
        if (self.of == "share") != (self.share_of is not None):
            raise Misfit("share, and only share, has a condition `share_of`", "share_of 条件用于且仅用于 share")
        if (self.of == "share") != (self.moves_by is not None):
            raise Misfit("a share, and only a share, is asked by `moves_by`", "moves_by 用于且仅用于 share")
        if self.moves_by is not None and not 0 < self.moves_by <= 1:
            raise Misfit("`moves_by` lies above 0 and is at most 1", "moves_by 应大于 0 且不超过 1")
        return self


class Behaviour(_Part):
    """What is looked at again and again."""

    at_least: Annotated[int, Field(ge=1, le=1_000)]
    within: AnySpan
    same: Literal["product", "step"] | None = None
    unless: ConditionText | None = None


class Opportunity(_Part):
    """What campaign opens where no campaign of the bank names this trigger."""

    family: Name | None = None
    product: Code | None = None
    channels: Annotated[tuple[Channel, ...], Field(max_length=3), AfterValidator(_each_once)] = ()
    script: Texts | None = None


def _of_facts(fields: tuple[OwnField, ...]) -> tuple[OwnField, ...]:
    if any(field.grain == "customer" for field in fields):
        raise Misfit(
            "a field of the customer is read by offers, not by triggers", "客户字段由产品条件读取，触发器不读取"
        )
    if len({field.name for field in fields}) < len(fields):
        raise Misfit("each field stands here once", "每个字段只能出现一次")
    return fields


Shape = OwnHistory | Calendar | Count | Sequence | Absence | Silence | Change | Behaviour
Emitted = Literal["amount", "compared_with"]
SHAPES: dict[str, type[Shape]] = {
    "own_history": OwnHistory,
    "calendar": Calendar,
    "count": Count,
    "sequence": Sequence,
    "absence": Absence,
    "silence": Silence,
    "change": Change,
    "behaviour": Behaviour,
}


class Definition(_Part):
    """One trigger, as its file says. Conditions are texts here: `libs/expressions` reads them."""

    trigger: Name
    title: Texts
    meaning: Texts
    on: Annotated[tuple[Source, ...], BeforeValidator(lambda on: (on,) if isinstance(on, str) else on), _sources()]
    grain: Literal["customer", "account"] = "customer"
    fields: Annotated[tuple[OwnField, ...], Field(max_length=50), AfterValidator(_of_facts)] = ()
    where: ConditionText | None = None
    own_history: OwnHistory | None = None
    calendar: Calendar | None = None
    count: Count | None = None
    sequence: Sequence | None = None
    absence: Absence | None = None
    silence: Silence | None = None
    change: Change | None = None
    behaviour: Behaviour | None = None
    emit: tuple[Emitted, ...] = ("amount", "compared_with")
    lateness: Lateness = Span(3, "days")
    cooldown: CoolDown = Span(30, "days")
    expires: Expiry = Span(48, "hours")
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    opportunity: Opportunity = Opportunity()

    @model_validator(mode="after")
    def _fit(self) -> "Definition":
        given = [name for name in SHAPES if getattr(self, name) is not None]
        if len(given) != 1:
            names, names_zh = ", ".join(given or SHAPES), "、".join(given or SHAPES)
            raise Misfit(f"exactly one shape, of {names}", f"应恰好给出一种形态：{names_zh}", *given[-1:])
        if set(self.on) not in ({"postings"}, {"behaviours"}, {"postings", "behaviours"}, {"dates"}):
            raise Misfit(
                "`on` is postings, behaviours, both, or dates",
                "on 应为 postings、behaviours、两者同时，或 dates",
                "on",
            )
        if (self.on == ("dates",)) != (self.calendar is not None):
            raise Misfit(
                "`on: dates` is for the shape calendar, and for no other",
                "on: dates 用于且仅用于 calendar 形态",
                "on",
            )
        if self.behaviour is not None and "behaviours" not in self.on:
            raise Misfit("the shape behaviour listens to behaviours", "behaviour 形态须监听 behaviours", "on")
        if self.where is not None and (self.sequence is not None or self.absence is not None):
            raise Misfit(
                "a sequence and an absence have conditions of their own, no `where`",
                "sequence 与 absence 有各自的条件，不用 where",
                "where",
            )
        if self.needs_balance and self.on != ("postings",):
            raise Misfit("closing balances come from postings alone", "日终余额仅来自 postings", "on")
        if self.grain == "account" and self.on not in (("postings",), ("dates",)):
            raise Misfit(
                "a behaviour has no account: its grain is the customer",
                "behaviours 没有账户，grain 应为 customer",
                "grain",
            )
        return self

    @property
    def kind(self) -> str:
        """The name of its shape."""
        return next(name for name in SHAPES if getattr(self, name) is not None)

    @property
    def shape(self) -> Shape:
        """Its shape."""
        shape: Shape = getattr(self, self.kind)
        return shape

    @property
    def needs_balance(self) -> bool:
        """Whether it compares with closing balances."""
        return (
            (self.own_history is not None and self.own_history.compared_with == "mean_closing_balance")
            or (self.silence is not None and self.silence.had is not None)
            or (self.change is not None and self.change.of == "closing_balance")
        )
