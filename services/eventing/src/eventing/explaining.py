"""Why a trigger fired on a posting, or did not: the parts of its rule in order, each with its values (X37).

Nothing is judged here a second time: every part asks what the live judgement asks, and the first that fails ends the
list. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, Protocol

from attune_contracts.ledger import TransactionPosted
from eventing import explaining_texts, postings
from eventing.facts import ordinal
from eventing.judging import NOBODY, Judgement, Rule, Subject, is_beyond, watermark
from eventing.trigger_index import TriggerIndex, seen_by

Came = Literal["stream", "beyond", "lake", "waiting"]
"""By the stream, by the stream beyond the watermark, with a file only, or not yet: its account is unknown."""

Value = str | int | None


class Part(NamedTuple):
    """One part of a rule. Days are ISO dates; sums that may not fit a double are decimal strings of minor units."""

    name: str
    passed: bool
    values: dict[str, Value]


class Versioned(Protocol):
    """A version of a trigger."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Question:
    """One posting under one version of a trigger, and all that its judgement asks. `newest`: see the watermark."""

    posting: TransactionPosted
    came: Came
    rule: Rule
    event_type: str
    currency: str
    newest: int
    judgement: Judgement | None
    reversed: bool
    in_force: int | None
    """The version in force when the posting came; None = that is not known."""
    detected_by: int | None
    """The version whose detection there is for the posting, standing or not; None = there never was one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parts up to the first that failed, and what they say in one sentence."""

    rule: Versioned
    parts: tuple[Part, ...]
    currency: str
    said: Mapping[str, str] | None = None
    """The sentence in both languages, where it is no large-deposit's."""

    @property
    def fired(self) -> bool:
        """Whether every part passed."""
        return all(part.passed for part in self.parts)

    @property
    def failed(self) -> str | None:
        """The part that did not."""
        return None if self.fired else self.parts[-1].name

    @property
    def text(self) -> dict[str, str]:
        """One sentence in both languages."""
        if self.said is not None:
            return dict(self.said)
        values = {key: value for part in self.parts for key, value in part.values.items()}
        return explaining_texts.sentence(self.rule.name, self.rule.version, self.failed, values, self.currency)


def explain(question: Question) -> Explanation:
    """Go through the parts of the rule, up to the first that fails."""
    parts: list[Part] = []
    for step in _STEPS:
        parts.append(step(question))
        if not parts[-1].passed:
            break
    return Explanation(question.rule, tuple(parts), question.currency)


def is_settled_before(question: Question) -> bool:
    """Whether a part that needs no history fails: then nobody has to look at any."""
    return not all(step(question).passed for step in _STEPS[: _STEPS.index(_history)])


def waiting(rule: Versioned, currency: str) -> Explanation:
    """The explanation of a posting whose account nobody knows yet."""
    return Explanation(rule, (Part("account", False, {}),), currency)


def subject_after(known: Iterable[TransactionPosted], day: int, rule: Rule, event_type: str, opening: int) -> Subject:
    """A customer's state when every posting up to and including a day has come in order; `known` are deposits only."""
    index = TriggerIndex.of([(event_type, rule)])
    subject = Subject()
    for posting in sorted(known, key=postings.place):
        movement = postings.movement(posting)
        if movement.day > day:
            break
        seen = seen_by(rule, movement, index.candidates(event_type, posting.amount_minor))
        subject.apply(seen, rule, opening, movement.day)
    return subject


def deposits(known: Iterable[TransactionPosted], currency: str) -> list[TransactionPosted]:
    """The postings that a customer's history is made of."""
    return [p for p in known if postings.is_deposit(p) and p.currency == currency]


# --- the parts, in the rule's order ----------------------------------------------------------------------------------


def _obstacle(name: postings.Obstacle) -> Callable[[Question], Part]:
    place = postings.OBSTACLES.index(name)

    def part(q: Question) -> Part:
        found = postings.obstacle(q.posting)
        passed = found is None or postings.OBSTACLES.index(found) > place
        value = {
            "direction": q.posting.direction.value,
            "account_kind": q.posting.account_kind.value,
            "flags": ",".join(q.posting.flags),
            "reverses": q.posting.reverses,
        }[name]
        return Part(name, passed, {name: value})

    return part


def _currency(q: Question) -> Part:
    values: dict[str, Value] = {"currency": q.posting.currency, "base_currency": q.currency}
    return Part("currency", q.posting.currency == q.currency, values)


def _enabled(q: Question) -> Part:
    return Part("enabled", bool(TriggerIndex.of([(q.event_type, q.rule)]).rules), {})


def _minimum(q: Question) -> Part:
    found = TriggerIndex.of([(q.event_type, q.rule)]).candidates(q.event_type, q.posting.amount_minor)
    values: dict[str, Value] = {"amount_minor": q.posting.amount_minor, "minimum_minor": q.rule.minimum_minor}
    return Part("minimum", q.rule in found, values)


def _lateness(q: Question) -> Part:
    """Beyond the watermark when it came; one that came by file is late to nobody."""
    values: dict[str, Value] = {"business_date": q.posting.business_date.isoformat()}
    values |= {"lateness_days": q.rule.lateness_days}
    if q.came == "beyond" and q.detected_by is None:
        settled = is_beyond(ordinal(q.posting.business_date), q.newest, q.rule)
        values["watermark"] = _day(watermark(q.newest, q.rule)) if settled else None
        return Part("lateness", False, values)
    return Part("lateness", True, values)


def _history(q: Question) -> Part:
    assert q.judgement is not None  # noqa: S101 - a candidate within the lateness is judged
    found = q.judgement.comparison
    values: dict[str, Value] = {
        "first_posting": _day(found.first) if found.first else None,
        "window_start": _day(found.start),
        "months": q.rule.months,
    }
    return Part("history", found.integral is not None, values)


def _amount(q: Question) -> Part:
    assert q.judgement is not None  # noqa: S101 - as above
    found = q.judgement.comparison
    values: dict[str, Value] = {
        "amount_minor": found.amount,
        "days": found.days,
        "amount_times_days": str(found.amount * found.days),
        "balance_integral": str(found.integral),
        "mean_minor": found.mean,
    }
    return Part("amount", found.exceeded, values)


def _cool_down(q: Question) -> Part:
    assert q.judgement is not None  # noqa: S101 - as above
    last = q.judgement.last
    values: dict[str, Value] = {"cooldown_days": q.rule.cooldown_days}
    if last != NOBODY:
        until = _day(last[0] + q.rule.cooldown_days)
        values |= {"last_raised": _day(last[0]), "last_raised_key": last[2], "rests_until": until}
    return Part("cool_down", q.judgement.free, values)


def _not_reversed(q: Question) -> Part:
    return Part("not_reversed", not q.reversed, {})


def _delivery(q: Question) -> Part:
    """Files are not judged: their postings fire when a replay sends them through the stream."""
    return Part("delivery", q.came != "lake" or q.detected_by is not None, {"came": q.came})


def _in_force(q: Question) -> Part:
    """Another version judged the posting when it came."""
    judged_by = q.detected_by or q.in_force or q.rule.version
    return Part("in_force", judged_by == q.rule.version, {"judged_by_version": judged_by})


_STEPS: tuple[Callable[[Question], Part], ...] = (
    *map(_obstacle, postings.OBSTACLES),
    _currency,
    _enabled,
    _minimum,
    _lateness,
    _history,
    _amount,
    _cool_down,
    _not_reversed,
    _delivery,
    _in_force,
)


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
