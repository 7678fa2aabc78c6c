"""Typed conditions and rows at random, a quarter of the values NULL, for every test that holds two engines together."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from attune_expressions.catalogue import Catalogue
from attune_expressions.condition import Condition, parse
from attune_expressions.fields import Field
from attune_expressions.refusals import Refused
from attune_expressions.tree import Base

FIELDS = (
    Field("age", "int", "年龄", "Age", largest=200),
    Field("postings", "int", "笔数", "Postings", largest=2**31),
    Field("big", "int", "大数", "Big"),
    Field("amount", "money", "金额", "Amount", column="amount_minor"),
    Field("mean", "money", "均值", "Mean", column="mean_minor"),
    Field("share", "float", "占比", "Share"),
    Field("ratio", "float", "比率", "Ratio", largest=1000),
    Field("code", "text", "代码", "Code", largest=100),
    Field("branch", "text", "机构", "Branch", largest=100),
    Field("opened", "date", "开户日", "Opened"),
    Field("due", "date", "到期日", "Due"),
    Field("seen", "ts", "时刻", "Seen"),
    Field("vip", "bool", "贵宾", "VIP"),
    Field("active", "bool", "活跃", "Active"),
    Field("tags", "tags", "标签", "Tags", nullable=False),
)
CATALOGUE = Catalogue({field.name: field for field in FIELDS})
BASES: dict[str, Base] = {field.source: field.shape.base for field in FIELDS}

TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "a_b",
    "a%b",
    "a!b",
    "b",
    "it's",
    "b\\",
    "é",
    "İ",
    "ß",
    "中文",
    "中国银行",
    "a中",
    "𝔘x",
    "Z",
    "z ",
    "A3",
)
TAGS = ("vip", "it's", "中文", "x\\y")
DAYS = tuple(
    date(*day)
    for day in ((2023, 12, 31), (2024, 1, 31), (2024, 2, 29), (2024, 3, 1), (2025, 2, 28), (1969, 12, 31), (1970, 1, 1))
)
_MOMENTS = (datetime(2024, 2, 29, 12), datetime(2024, 2, 29, 12, 0, 0, 1), datetime(1969, 12, 31, 23, 59, 59, 999999))
_VALUES: dict[str, Callable[[Random], Any]] = {
    "age": lambda r: r.choice((0, 17, 18, 30, 65, 200, -3)),
    "postings": lambda r: r.choice((0, 1, 2, 3, 7, 100, 2**31, -5)),
    "big": lambda r: r.choice((0, 1, -1, 2**53, -(2**53), 2**53 - 1, 12345678901)),
    "amount_minor": lambda r: r.choice((0, 1, 5000050, 5000000, 11000, 10000, 10**13, -(10**13), 333, -250)),
    "mean_minor": lambda r: r.choice((0, 10000, 100, 4545500, 10**13, 7, -100)),
    "share": lambda r: r.choice((0.0, 0.1, 0.3, 0.5, 1 / 3, 1.0, 2.5, -2.5, 1e-15, 1e15, -0.1, 0.7)),
    "ratio": lambda r: r.choice((0.0, 0.1, 1.1, 0.5, 1.5, 2.5, -1.5, 999.999, 1e-10, 1.005)),
    "code": lambda r: r.choice(TEXTS),
    "branch": lambda r: r.choice(TEXTS),
    "opened": lambda r: r.choice(DAYS) + timedelta(r.choice((0, 0, 1, 30))),
    "due": lambda r: r.choice(DAYS) + timedelta(r.choice((0, 0, -1, 365))),
    "seen": lambda r: r.choice(_MOMENTS) + timedelta(seconds=r.choice((0, 0, 1, 86400))),
    "vip": lambda r: r.random() < 0.5,
    "active": lambda r: r.random() < 0.5,
}


def rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Rows by column; tags are never NULL."""
    random = Random(seed)
    found = []
    for _ in range(count):
        row = {name: None if random.random() < 0.25 else make(random) for name, make in _VALUES.items()}
        row["tags"] = random.sample(TAGS, random.randrange(3))
        found.append(row)
    return found


def condition(random: Random) -> Condition:
    """A condition that is admitted: what might become too large is drawn anew, nothing else is ever refused."""
    while True:
        text = Writer(random).truth(3)
        try:
            return parse(text, CATALOGUE)
        except Refused as refused:
            if refused.code not in ("too_large", "zero_divisor"):
                raise AssertionError(text) from refused


class Writer:
    """Writes texts by type, to a depth."""

    def __init__(self, random: Random) -> None:
        self.pick = random.choice
        self.chance = random.random

    def truth(self, depth: int) -> str:
        """A truth."""
        if depth <= 0:
            return self.pick((self._order, self._flag, self._like, self._listed, self._null))(0)
        return self.pick(
            (self._logic, self._logic, self._not, self._order, self._order, self._between, self._listed, self._like,
             self._null, self._flag, self._is, self._same_truth, self._chosen)
        )(depth - 1)  # fmt: skip

    def _logic(self, depth: int) -> str:
        op = self.pick((" AND ", " or "))
        return "(" + op.join(self.truth(depth) for _ in range(self.pick((2, 2, 3, 4)))) + ")"

    def _not(self, depth: int) -> str:
        return f"not ({self.truth(depth)})"

    def _flag(self, _: int) -> str:
        return self.pick(("vip", "active", "vip", "TRUE", "false", *(f"has_tag({quoted(tag)})" for tag in TAGS)))

    def _is(self, depth: int) -> str:
        return f"({self.truth(depth)}) is {self.pick(('', 'not '))}{self.pick(('true', 'FALSE'))}"

    def _same_truth(self, depth: int) -> str:
        return f"({self.truth(depth)}) {self.pick(('=', '<>'))} ({self.truth(depth)})"

    def _chosen(self, depth: int) -> str:
        case = f"case when {self.truth(depth)} then {self.truth(depth)} else {self.pick(('null', 'active'))} end"
        return self.pick((case, f"coalesce(vip, {self.truth(depth)})"))

    def _null(self, depth: int) -> str:
        return f"({self._any(depth)}) is {self.pick(('', 'not '))}null"

    def _order(self, depth: int) -> str:
        one, other, _ = self._pair(depth)
        return f"{one} {self.pick(('=', '<>', '<', '<=', '>', '>=', '!='))} {other}"

    def _between(self, depth: int) -> str:
        one, other, kind = self._pair(depth)
        return f"{one} {self.pick(('', 'not '))}between {other} and {kind(depth)}"

    def _pair(self, depth: int) -> tuple[str, str, Callable[[int], str]]:
        kind = self.pick((self.number, self.money, self.money, self.text, self.day, self.moment))
        one = kind(depth)
        constant = {self.number: self._number, self.money: self._amount, self.text: self._text, self.day: self._day,
                    self.moment: self._moment}[kind]  # fmt: skip
        return one, constant() if self.chance() < 0.5 else kind(depth), kind

    def _any(self, depth: int) -> str:
        return self.pick((self.number, self.money, self.text, self.day, self.moment, self.truth))(depth)

    def _listed(self, depth: int) -> str:
        kind, constant = self.pick(
            ((self.number, self._number), (self.money, self._amount), (self.text, self._text), (self.day, self._day))
        )
        values = ", ".join(constant() for _ in range(self.pick((1, 2, 3, 12))))
        return f"{kind(depth)} {self.pick(('', 'not '))}in ({values})"

    def _like(self, depth: int) -> str:
        parts = [self.pick(("%", "_", "a", "b", "中", "'", "!", "A", "𝔘")) for _ in range(self.pick((0, 1, 2, 3, 5)))]
        escape = ""
        if self.chance() < 0.3:
            parts = [f"#{part}" if part in "%_" and self.chance() < 0.5 else part for part in parts]
            escape = " ESCAPE '#'"
        return f"{self.text(depth)} {self.pick(('', 'not '))}like {quoted(''.join(parts))}{escape}"

    # --- values ---

    def _choice(self, kind: Callable[[int], str], depth: int) -> str:
        form = self.pick(("case", "case", "coalesce", "greatest", "least"))
        if form == "case":
            otherwise = self.pick(("", f" else {kind(depth)}", " else null"))
            return f"case when {self.truth(depth)} then {kind(depth)} when vip then {kind(depth)}{otherwise} end"
        return f"{form}({kind(depth)}, {kind(depth)})"

    def number(self, depth: int) -> str:
        """A number without a unit."""
        if depth <= 0 or self.chance() < 0.3:
            return self.pick(("age", "postings", "big", "share", "ratio", "age", "ratio"))
        depth -= 1
        return self.pick(
            (
                lambda: f"({self.number(depth)} {self.pick('+-*')} {self.pick((self._number, self._field))()})",
                lambda: f"({self.number(depth)} / {self.pick((self.number(depth), '3', '0.7'))})",
                lambda: f"({self.money(depth)} / {self.money(depth)})",
                lambda: f"({self.pick(('age', 'postings', 'big', 'length(code)'))} % {self.pick(('1', '7', '100'))})",
                lambda: f"(-{self.number(depth)})",
                lambda: f"abs({self.number(depth)})",
                lambda: (
                    f"round({self.pick(('ratio', 'share', 'age * 1.25', 'postings * 0.5', 'amount / mean'))}"
                    f"{self.pick(('', ', 0', ', 1', ', 2'))})"
                ),
                lambda: f"length({self.text(depth)})",
                lambda: f"{self.pick(('year', 'month', 'day', 'isodow'))}({self.day(depth)})",
                lambda: f"days_between({self.day(depth)}, {self.day(depth)})",
                lambda: self._choice(self.number, depth),
            )
        )()

    def money(self, depth: int) -> str:
        """An amount."""
        if depth <= 0 or self.chance() < 0.4:
            return self.pick(("amount", "mean"))
        depth -= 1
        return self.pick(
            (
                lambda: (
                    f"({self.money(depth)} {self.pick('+-')} {self.pick((self._amount, lambda: self.money(depth)))()})"
                ),
                lambda: f"({self.pick(('1.1', '3', '0.05', 'age', 'ratio'))} * {self.money(depth)})",
                lambda: f"({self.money(depth)} / {self.pick(('3', 'age', 'ratio', '1.5'))})",
                lambda: (
                    f"round({self.pick(('amount', 'mean', 'amount * 1.005', 'mean / 3'))}"
                    f"{self.pick(('', ', 1', ', 2', ', 3'))})"
                ),
                lambda: f"(- {self.money(depth)})",
                lambda: f"abs({self.money(depth)})",
                lambda: self._choice(self.money, depth),
            )
        )()

    def text(self, depth: int) -> str:
        """A text."""
        if depth <= 0 or self.chance() < 0.7:
            return self.pick(("code", "branch"))
        return self._choice(self.text, depth - 1)

    def day(self, depth: int) -> str:
        """A date."""
        if depth <= 0 or self.chance() < 0.4:
            return self.pick(("opened", "due"))
        depth -= 1
        unit = self.pick(("day", "week", "MONTH", "quarter", "year"))
        return self.pick(
            (
                lambda: f"({self.day(depth)} {self.pick('+-')} interval {self.pick(('1', '13', quoted('2')))} {unit})",
                lambda: f"({self.day(depth)} {self.pick('+-')} {self.pick(('age', '1', '45', 'age * 3'))})",
                lambda: self._choice(self.day, depth),
            )
        )()

    def moment(self, depth: int) -> str:
        """A moment."""
        if depth <= 0 or self.chance() < 0.5:
            return "seen"
        depth -= 1
        unit = self.pick(("second", "minute", "hour", "day"))
        return self.pick((lambda: f"({self.moment(depth)} {self.pick('+-')} interval {self.pick(('1', '90'))} {unit})",
                          lambda: self._choice(self.moment, depth)))()  # fmt: skip

    # --- constants ---

    def _field(self) -> str:
        return self.pick(("age", "postings", "ratio"))

    def _number(self) -> str:
        return self.pick(("0", "1", "-1", "18", "65", "0.1", "1.1", "0.3", "-2.5", "100", "999.999", "2147483648"))

    def _amount(self) -> str:
        return self.pick(("0", "50000.50", "50000", "110", "100.005", "-2.5", "100000000000", "3.33"))

    def _text(self) -> str:
        return quoted(self.pick(TEXTS))

    def _day(self) -> str:
        return self.pick(("", "date ")) + f"'{self.pick(DAYS)}'"

    def _moment(self) -> str:
        moments = ("2024-02-29 12:00:00", "2024-02-29 12:00", "1970-01-01", "2024-02-29 12:00:00.000001")
        return f"timestamp '{self.pick(moments)}'"


def quoted(text: str) -> str:
    """A text as the language writes it."""
    return "'" + text.replace("'", "''") + "'"
