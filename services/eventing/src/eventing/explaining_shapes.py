"""Why a trigger of any shape fired on a posting, or did not: its conditions with the posting's values, then its shape.

Nothing is judged here a second time: the customer's facts go through the states that judge the stream. Pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attune_contracts.ledger import TransactionPosted
from attune_expressions.explaining import explain as in_words
from eventing import facts, money
from eventing.compiled import CANDIDATE, MATCHES, About, Compiled
from eventing.customers import Customer
from eventing.explaining import Came, Explanation, Part, Value
from eventing.fact_index import FactIndex
from eventing.facts import Fact
from eventing.shapes.own_balance import OwnBalance, rule_of
from eventing.shapes.periods import day_of, end_of
from eventing.shapes.windowed import Windowed
from eventing.verdicts import Anchor, Raised

Language = Literal["zh", "en"]
_LANGUAGES: tuple[Language, Language] = ("en", "zh")
Words = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ShapeQuestion:
    """A posting under one version of a trigger; `known` are the customer's facts in the base currency.

    `openings` are the opening balances of the deposit accounts; `detected_by` is as in `explaining`.
    """

    posting: TransactionPosted
    came: Came
    trigger: Compiled
    currency: str
    newest: int
    known: Sequence[Fact]
    openings: Mapping[bytes, int]
    detected_by: int | None

    @property
    def fact(self) -> Fact:
        """The posting as a fact."""
        return facts.of_posting(self.posting)

    @property
    def account(self) -> bytes:
        """Whose facts are seen together: the account's, or everything of the customer."""
        return self.fact.account if self.trigger.by_account else b""

    def seen(self) -> list[Fact]:
        """The facts that are seen together, in order."""
        mine = [f for f in self.known if not self.account or f.account == self.account]
        return sorted(mine, key=lambda f: f.place)


def explain_shape(question: ShapeQuestion) -> Explanation:
    """Go through the parts of the trigger, up to the first that fails."""
    parts: list[Part] = []
    said: Words = ("", "")
    for part, words in _steps(question):
        parts.append(part)
        said = words
        if not part.passed:
            break
    fired = all(part.passed for part in parts)
    head = ("fired", "已触发") if fired else ("did not fire", "未触发")
    name = f"{question.trigger.name} v{question.trigger.version}"
    text = {"en": f"{name} {head[0]}: {said[0]}.", "zh": f"{name} {head[1]}：{said[1]}。"}
    return Explanation(question.trigger, tuple(parts), question.currency, text)


Step = tuple[Part, Words]


def _steps(q: ShapeQuestion) -> Iterator[Step]:
    on, trigger = q.trigger.definition.on, q.trigger
    yield (
        Part("listens", "postings" in on, {"on": ",".join(on)}),
        (f"it listens to {', '.join(on)}, not to postings", f"它监听 {', '.join(on)}，而非交易"),
    )
    currencies: dict[str, Value] = {"currency": q.posting.currency, "base_currency": q.currency}
    yield (
        Part("currency", q.posting.currency == q.currency, currencies),
        (f"{q.posting.currency} is not the base currency {q.currency}", f"币种 {q.posting.currency} 不是本行基准币种"),
    )
    yield Part("enabled", trigger.enabled, {}), ("this version is switched off", "该版本已停用")
    yield _condition(q)
    counts = trigger.has_timer and trigger.kind != "absence"
    yield (
        Part("reverses", counts or q.posting.reverses is None, {"reverses": q.posting.reverses}),
        (f"it undoes posting {q.posting.reverses}", f"该笔冲正交易 {q.posting.reverses}"),
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


def _condition(q: ShapeQuestion) -> Step:
    """The condition that makes a posting this trigger's business, with the posting's values."""
    if q.trigger.kind == "lost" or (q.trigger.kind == "change" and q.trigger.takes_every_deposit):
        words = (f"the account is {q.posting.account_kind}, no deposit", f"账户为 {q.posting.account_kind}，非存款账户")
        return Part("condition", q.fact.deposit, {"account_kind": q.posting.account_kind.value}), words
    wanted = [part for part in q.trigger.parts if part.mark & (CANDIDATE | MATCHES)]
    failing = next((part for part in wanted if not part.ask(q.fact.row)), None)
    shown = failing or wanted[0]
    if shown.condition is None:
        return Part("condition", True, {}), ("", "")
    told = {language: in_words(shown.condition, language, q.fact.row) for language in _LANGUAGES}
    values: dict[str, Value] = {"condition": shown.condition.text}
    for part in told["en"].parts:
        values |= {f"{label}": value for label, value in part.values.items()}
    sentences = {
        language: "; ".join(part.text for part in one.parts if part.held is not True) or one.sentence
        for language, one in told.items()
    }
    words = (f"this is not so of the posting: {sentences['en']}", f"该笔不满足：{sentences['zh']}")
    if told["en"].change is not None:
        words = (f"{words[0]}; it would be so if {told['en'].change}", f"{words[1]}；若{told['zh'].change}则满足")
    return Part("condition", failing is None, values), words


# --- shapes that are judged at once ----------------------------------------------------------------------------------


def _customer(q: ShapeQuestion, through: int) -> Customer:
    """The customer when every fact up to and including a day has come in order."""
    customer = Customer(sum(q.openings.values()), dict(q.openings))
    index = FactIndex([q.trigger])
    for fact in q.seen():
        if fact.day <= through:
            customer.apply(index, fact, fact.day)
    customer.touched.clear()
    return customer


def _at_once(q: ShapeQuestion) -> Iterator[Step]:
    customer, fact = _customer(q, q.fact.day), q.fact
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
    figures = _figures(q, look.amount, look.compared_with)
    words = (f"what it looks for is there: {figures[0]}", f"所寻模式成立：{figures[1]}")
    missing = (f"what it looks for is not there: {figures[0]}", f"所寻模式不成立：{figures[1]}")
    yield Part(q.trigger.kind, look.holds, values), words if look.holds else missing
    yield from _rest(q, found.last, found.free, words)
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
    figures = _figures(q, beside.amount, beside.mean)
    words = (f"above the mean closing balance: {figures[0]}", f"高于日均余额：{figures[1]}")
    below = (f"not above the mean closing balance: {figures[0]}", f"不高于日均余额：{figures[1]}")
    yield Part("amount", beside.exceeded, values), words if beside.exceeded else below
    yield from _rest(q, Anchor(found.last[0], found.last[2]), found.free, words)
    yield from _standing(q, words)


def _rest(q: ShapeQuestion, last: Anchor, free: bool, words: Words) -> Iterator[Step]:
    values: dict[str, Value] = {"cooldown_days": q.trigger.cooldown}
    resting = words
    if last.day:
        until = day_of(last.day + q.trigger.cooldown)
        values |= {"last_raised": day_of(last.day), "last_raised_key": last.key, "rests_until": until}
        if not free:
            resting = (f"the subject rests until {until} after {last.key}", f"因 {last.key} 冷却至 {until}")
    yield Part("cool_down", free, values), resting


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
    figures = _figures(q, found.amount, found.compared_with) if found is not None else ("", "")
    if ended is not None:
        values |= {"ended_by": ended.key, "ended_on": day_of(ended.day)}
        figures = (f"{ended.key} of {day_of(ended.day)} came", f"{day_of(ended.day)} 发生 {ended.key}")
    there = (f"found on {day_of(due)}: {figures[0]}", f"于 {day_of(due)} 成立：{figures[1]}")
    missing = (f"not found on {day_of(due)}: {figures[0]}", f"于 {day_of(due)} 不成立：{figures[1]}")
    yield Part(q.trigger.kind, found is not None, values), there if found is not None else missing
    last = _last_raised(q, due)
    yield from _rest(q, last, last.frees(due, q.trigger.cooldown), there)


def _due(q: ShapeQuestion) -> int:
    definition, day = q.trigger.definition, q.fact.day
    if definition.absence is not None:
        return day + definition.absence.within.number
    if definition.silence is not None and definition.silence.had is None:
        return day + definition.silence.for_.number
    return end_of(definition.change.every if definition.change is not None else "month", day)


def _fired(q: ShapeQuestion, due: int) -> tuple[Raised | None, Fact | None]:
    """What is found on the day without any rest before, and what ended the waiting."""
    awake = replace(q, trigger=replace(q.trigger, cooldown=0))
    found = [one for one in _raised(awake, due) if one.day == due]
    if q.trigger.kind == "absence":
        found = [one for one in found if one.key == q.fact.key]
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


def _last_raised(q: ShapeQuestion, due: int) -> Anchor:
    earlier = [one for one in _raised(q, due) if one.day < due]
    return Anchor(earlier[-1].day, earlier[-1].key) if earlier else Anchor()


def _raised(q: ShapeQuestion, due: int) -> list[Raised]:
    customer = _customer(q, due)
    fired = customer.fire(q.trigger, q.account, due)
    return [one.verdict for one in fired if isinstance(one.verdict, Raised)]


def _figures(q: ShapeQuestion, amount: int | None, compared: int | None) -> Words:
    """The figures of the evidence, as they are read."""
    counts = q.trigger.kind == "behaviour" or (
        q.trigger.definition.change is not None and q.trigger.definition.change.of in ("count", "share")
    )  # fmt: skip
    shown = [
        str(value) if counts else money.to_text(value, q.currency) for value in (amount, compared) if value is not None
    ]
    return " beside ".join(shown) or "nothing", "，对照 ".join(shown) or "无"
