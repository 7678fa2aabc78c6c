"""Why a trigger of any shape fired on a fact, or did not: its conditions with the fact's values, then its shape.

Nothing is judged here a second time: the customer's facts go through the states that judge the stream. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attune_expressions.explaining import explain as in_words
from eventing import money
from eventing.compiled import CANDIDATE, MATCHES, About, Compiled
from eventing.customers import Customer
from eventing.explaining import Came, Explanation, Part, Value
from eventing.fact_index import FactIndex
from eventing.facts import Fact, Row
from eventing.shapes.balances import Balances
from eventing.shapes.changes import Changed
from eventing.shapes.own_balance import OwnBalance, rule_of
from eventing.shapes.periods import day_of, end_of
from eventing.shapes.windowed import Windowed
from eventing.verdicts import Anchor, Raised

Language = Literal["zh", "en"]
_LANGUAGES: tuple[Language, Language] = ("en", "zh")
Words = tuple[str, str]
Step = tuple[Part, Words]
# A fact's source, as one of its facts is called.
_FACT: Mapping[str, Words] = {"postings": ("posting", "该笔"), "behaviours": ("behaviour", "该行为")}
_SOURCES: Mapping[str, Words] = {"postings": ("postings", "交易"), "behaviours": ("behaviours", "行为")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one version of a trigger sees: a customer's facts in the base currency, or those of one account.

    `openings` are the opening balances of the deposit accounts, `newest` is the partition's largest business day.
    """

    trigger: Compiled
    currency: str
    newest: int
    known: Sequence[Fact]
    openings: Mapping[bytes, int]
    account: bytes = b""

    def seen(self) -> list[Fact]:
        """The facts, in order."""
        mine = [f for f in self.known if not self.account or f.account == self.account]
        return sorted(mine, key=lambda f: f.place)

    def customer(self, through: int) -> Customer:
        """The customer when every fact up to and including a day has come in order."""
        customer = Customer(sum(self.openings.values()), dict(self.openings))
        index = FactIndex([self.trigger])
        for fact in self.seen():
            if fact.day <= through:
                customer.apply(index, fact, fact.day)
        return customer

    def raised(self, through: int) -> list[Raised]:
        """What is raised by the days up to this one, once they are over."""
        fired = self.customer(through).fire(self.trigger, self.account, through)
        return [one.verdict for one in fired if isinstance(one.verdict, Raised)]

    def found_on(self, day: int) -> list[Raised]:
        """What is found on a day without any rest before."""
        awake = replace(self, trigger=replace(self.trigger, cooldown=0))
        return [one for one in awake.raised(day) if one.day == day]

    def last_before(self, day: int) -> Anchor:
        """The last one that was raised before a day."""
        earlier = [one for one in self.raised(day) if one.day < day]
        return Anchor(earlier[-1].day, earlier[-1].key) if earlier else Anchor()

    def figures_of(self, end: int) -> tuple[int, int] | None:
        """What a period that ends on this day was judged by; None of other shapes, and where nothing has been seen."""
        customer = self.customer(end)
        state = customer.state(self.trigger, self.account)
        about = customer.about(self.trigger, self.account)
        return state.figures(end, self.trigger, about) if isinstance(state, Changed | Balances) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeQuestion(Seen):
    """A fact under one version of a trigger. `paid_in` is a posting's currency, empty of a behaviour; `detected_by` is
    as in `explaining`."""

    fact: Fact
    paid_in: str
    came: Came
    detected_by: int | None


def explain_shape(question: ShapeQuestion) -> Explanation:
    """Go through the parts of the trigger, up to the first that fails."""
    return told(question.trigger, question.currency, _steps(question))


def told(trigger: Compiled, currency: str, steps: Iterable[Step]) -> Explanation:
    """The steps up to the first that fails, whose words are the answer's."""
    parts: list[Part] = []
    said: Words = ("", "")
    for part, words in steps:
        parts.append(part)
        # How it came is told where that is why, never as what was found.
        said = words if part.name != "delivery" or not part.passed else said
        if not part.passed:
            break
    fired = all(part.passed for part in parts)
    head = ("fired", "已触发") if fired else ("did not fire", "未触发")
    name = f"{trigger.name} v{trigger.version}"
    text = {"en": f"{name} {head[0]}: {said[0]}.", "zh": f"{name} {head[1]}：{said[1]}。"}
    return Explanation(trigger, tuple(parts), currency, text)


def _steps(q: ShapeQuestion) -> Iterator[Step]:
    on, trigger = q.trigger.definition.on, q.trigger
    other, other_zh = _SOURCES[q.fact.source]
    yield (
        Part("listens", q.fact.source in on, {"on": ",".join(on)}),
        (f"it listens to {', '.join(on)}, not to {other}", f"它监听 {', '.join(on)}，而非{other_zh}"),
    )
    if q.paid_in:
        currencies: dict[str, Value] = {"currency": q.paid_in, "base_currency": q.currency}
        yield (
            Part("currency", q.paid_in == q.currency, currencies),
            (f"{q.paid_in} is not the base currency {q.currency}", f"币种 {q.paid_in} 不是本行基准币种"),
        )
    yield enabled(trigger)
    yield _condition(q)
    counts = trigger.has_timer and trigger.kind != "absence"
    yield (
        Part("reverses", counts or q.fact.reverses is None, {"reverses": q.fact.reverses}),
        (f"it undoes posting {q.fact.reverses}", f"该笔冲正交易 {q.fact.reverses}"),
    )
    beyond = q.came == "beyond" and q.detected_by is None
    yield (
        Part("lateness", not beyond, {"lateness_days": trigger.lateness}),
        (f"it came more than {trigger.lateness} days late: it counts and judges nothing", "该笔迟到，仅计数，未作判断"),
    )
    yield from (_after(q) if trigger.has_timer else _at_once(q))
    yield (
        Part("delivery", q.came != "lake" or q.detected_by is not None or trigger.has_timer, {"came": q.came}),
        ("it came with a file and has not been through the stream", "该笔随文件入湖，未经过事件流"),
    )


def enabled(trigger: Compiled) -> Step:
    """Whether this version raises anything."""
    return Part("enabled", trigger.enabled, {}), ("this version is switched off", "该版本已停用")


def _condition(q: ShapeQuestion) -> Step:
    """The condition that makes a fact this trigger's business, with the fact's values."""
    if q.trigger.kind == "lost" or (q.trigger.kind == "change" and q.trigger.takes_every_deposit):
        kind = str(q.fact.row["account_kind"])
        words = (f"the account is {kind}, no deposit", f"账户为 {kind}，非存款账户")
        return Part("condition", q.fact.deposit, {"account_kind": kind}), words
    return condition(q.trigger, q.fact.row, _FACT[q.fact.source])


def condition(trigger: Compiled, row: Row, fact: Words) -> Step:
    """The condition that fails of a row, or the first; `fact` is what the row is called."""
    wanted = [part for part in trigger.parts if part.mark & (CANDIDATE | MATCHES)]
    failing = next((part for part in wanted if not part.ask(row)), None)
    shown = failing or wanted[0]
    if shown.condition is None:
        return Part("condition", True, {}), ("", "")
    told = {language: in_words(shown.condition, language, row) for language in _LANGUAGES}
    values: dict[str, Value] = {"condition": shown.condition.text}
    for part in told["en"].parts:
        values |= {f"{label}": value for label, value in part.values.items()}
    sentences = {
        language: "; ".join(part.text for part in one.parts if part.held is not True) or one.sentence
        for language, one in told.items()
    }
    words = (f"this is not so of the {fact[0]}: {sentences['en']}", f"{fact[1]}不满足：{sentences['zh']}")
    if told["en"].change is not None:
        words = (f"{words[0]}; it would be so if {told['en'].change}", f"{words[1]}；若{told['zh'].change}则满足")
    return Part("condition", failing is None, values), words


# --- shapes that are judged at once ----------------------------------------------------------------------------------


def _at_once(q: ShapeQuestion) -> Iterator[Step]:
    customer, fact = q.customer(q.fact.day), q.fact
    state = customer.state(q.trigger, q.account)
    about = customer.about(q.trigger, q.account, fact.day)
    if isinstance(state, OwnBalance):
        yield from _balance(q, state, about)
        return
    found = state.judgement(fact.key, q.trigger, about) if isinstance(state, Windowed) else None
    if found is None:
        yield Part(q.trigger.kind, False, {}), ("it is no candidate", "该笔不是候选")
        return
    look = found.look
    values: dict[str, Value] = {"amount_minor": look.amount, "compared_with_minor": look.compared_with}
    shown = figures(q, look.amount, look.compared_with)
    words = (f"what it looks for is there: {shown[0]}", f"所寻模式成立：{shown[1]}")
    missing = (f"what it looks for is not there: {shown[0]}", f"所寻模式不成立：{shown[1]}")
    yield Part(q.trigger.kind, look.holds, values), words if look.holds else missing
    yield rest(q.trigger, found.last, found.free, words)
    yield from _standing(q, words)


def _balance(q: ShapeQuestion, state: OwnBalance, about: About) -> Iterator[Step]:
    """`own_history` beside closing balances, with every figure."""
    found = state.subject.judgement(q.fact.key, rule_of(q.trigger), about.opening)
    if found is None:
        yield Part("history", False, {}), ("it is no candidate", "该笔不是候选")
        return
    beside = found.comparison
    window: dict[str, Value] = {
        "first_posting": day_of(beside.first) if beside.first else None,
        "window_start": day_of(beside.start),
    }
    short = (f"the history begins after {day_of(beside.start)}", f"历史晚于 {day_of(beside.start)} 开始")
    yield Part("history", beside.integral is not None, window), short
    values: dict[str, Value] = {
        "amount_minor": beside.amount, "days": beside.days, "amount_times_days": str(beside.amount * beside.days),
        "balance_integral": str(beside.integral), "mean_minor": beside.mean, "times": str(beside.times),
    }  # fmt: skip
    shown = figures(q, beside.amount, beside.mean)
    words = (f"above the mean closing balance: {shown[0]}", f"高于日均余额：{shown[1]}")
    below = (f"not above the mean closing balance: {shown[0]}", f"不高于日均余额：{shown[1]}")
    yield Part("amount", beside.exceeded, values), words if beside.exceeded else below
    yield rest(q.trigger, Anchor(found.last[0], found.last[2]), found.free, words)
    yield from _standing(q, words)


def rest(trigger: Compiled, last: Anchor, free: bool, words: Words) -> Step:
    """Whether the cool-down lets it through; `words` are those of what is there."""
    values: dict[str, Value] = {"cooldown_days": trigger.cooldown}
    resting = words
    if last.day:
        until = day_of(last.day + trigger.cooldown)
        values |= {"last_raised": day_of(last.day), "last_raised_key": last.key, "rests_until": until}
        if not free:
            resting = (f"the subject rests until {until} after {last.key}", f"因 {last.key} 冷却至 {until}")
    return Part("cool_down", free, values), resting


def _standing(q: ShapeQuestion, words: Words) -> Iterator[Step]:
    undone = any(f.reverses == q.fact.key and f.day >= q.fact.day for f in q.known)
    yield Part("not_reversed", not undone, {}), ("the posting has been reversed", "该笔已被冲正") if undone else words


# --- shapes that find something when a day is over -------------------------------------------------------------------


def _after(q: ShapeQuestion) -> Iterator[Step]:
    """What the posting waits for, and what became of it."""
    due = _due(q)
    values: dict[str, Value] = {"due": day_of(due)}
    settled = q.newest - q.trigger.lateness - 1
    yield (
        Part("due", due <= settled, values | {"settled": day_of(settled) if settled > 0 else None}),
        (f"it is found, or not, when {day_of(due)} is settled", f"须待 {day_of(due)} 结算后判断"),
    )
    found, ended = _fired(q, due)
    if found is not None:
        values |= {"amount_minor": found.amount, "compared_with_minor": found.compared_with, "event_key": found.key}
        shown = figures(q, found.amount, found.compared_with)
    else:
        beside = q.figures_of(due)
        shown = figures(q, *beside) if beside is not None else ("", "")
    if ended is not None:
        values |= {"ended_by": ended.key, "ended_on": day_of(ended.day)}
        shown = (f"{ended.key} of {day_of(ended.day)} came", f"{day_of(ended.day)} 发生 {ended.key}")
    there, missing = on_day(due, shown)
    yield Part(q.trigger.kind, found is not None, values), there if found is not None else missing
    last = q.last_before(due)
    yield rest(q.trigger, last, last.frees(due, q.trigger.cooldown), there)


def _due(q: ShapeQuestion) -> int:
    definition, day = q.trigger.definition, q.fact.day
    if definition.absence is not None:
        return day + definition.absence.within.number
    if definition.silence is not None and definition.silence.had is None:
        return day + definition.silence.for_.number
    return end_of(definition.change.every if definition.change is not None else "month", day)


def _fired(q: ShapeQuestion, due: int) -> tuple[Raised | None, Fact | None]:
    """What is found on the day without any rest before, and what ended the waiting."""
    found = [one for one in q.found_on(due) if q.trigger.kind != "absence" or one.key == q.fact.key]
    if found:
        return found[0], None
    ends: Callable[[Fact], bool] = lambda fact: bool(q.trigger.marks(fact))  # noqa: E731 - what follows counts
    if q.trigger.kind == "absence":
        ends = lambda fact: bool(q.trigger.marks(fact) & ~CANDIDATE) or fact.reverses == q.fact.key  # noqa: E731
    if q.trigger.kind not in ("absence", "silence"):
        return None, None
    later = [f for f in q.seen() if f.place > q.fact.place and f.day <= due]
    if q.trigger.kind == "silence":
        later = [f for f in later if f.day > q.fact.day]
    return None, next((f for f in later if ends(f)), None)


def on_day(day: int, shown: Words) -> tuple[Words, Words]:
    """What is said of a day on which it is found, and of one on which it is not."""
    en, zh = (f": {shown[0]}", f"：{shown[1]}") if shown[0] else ("", "")
    when = day_of(day)
    return (f"found on {when}{en}", f"于 {when} 成立{zh}"), (f"not found on {when}{en}", f"于 {when} 不成立{zh}")


def figures(q: Seen, amount: int | None, compared: int | None) -> Words:
    """The figures of the evidence, as they are read."""
    definition = q.trigger.definition
    own, change = definition.own_history, definition.change
    counts = (
        q.trigger.kind == "behaviour"
        or (own is not None and own.compare == "count")
        or (change is not None and change.of in ("count", "share"))
    )
    shown = [
        str(value) if counts else money.to_text(value, q.currency) for value in (amount, compared) if value is not None
    ]
    return " beside ".join(shown), "，对照 ".join(shown)
