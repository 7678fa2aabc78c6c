"""A condition in words, Chinese or English, from the tree: what a clerk reads, not what an engine runs. Pure."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from attune_expressions import likes
from attune_expressions.fields import Field
from attune_expressions.one_row import OPPOSITE
from attune_expressions.tree import (
    Absolute,
    AddDays,
    AddMonths,
    AddSeconds,
    Arith,
    Between,
    Case,
    Coalesce,
    Compare,
    Const,
    DatePart,
    DaysBetween,
    Divide,
    Extreme,
    FieldRef,
    HasTag,
    InList,
    IsNull,
    IsTruth,
    Length,
    Like,
    Logic,
    Modulo,
    Negate,
    Node,
    Not,
    Parameter,
    Round,
    Scale,
    Shape,
    ToFloat,
)

Language = Literal["zh", "en"]
Pair = tuple[str, str]

_OPS: dict[str, Pair] = {
    "=": ("为", " is "),
    "<>": ("不为", " is not "),
    "<": ("小于", " is less than "),
    "<=": ("不高于", " is at most "),
    ">": ("大于", " is more than "),
    ">=": ("不低于", " is at least "),
}
_DATE_OPS: dict[str, Pair] = {
    **_OPS, "<": ("早于", " is before "), "<=": ("不晚于", " is not after "), ">": ("晚于", " is after "),
    ">=": ("不早于", " is not before "),
}  # fmt: skip
_SIGNS = {"+": "+", "-": "−", "*": "×"}
_PARTS: dict[str, Pair] = {
    "year": ("{}的年份", "the year of {}"),
    "month": ("{}的月份", "the month of {}"),
    "day": ("{}的日", "the day of the month of {}"),
    "isodow": ("{}的星期（1 至 7）", "the day of the week of {} (1 to 7)"),
}
UNKNOWN: Pair = ("未知", "not known")


class Phrases:
    """Phrases over the fields of one condition, in one language."""

    def __init__(self, fields: Mapping[str, Field], digits: int, language: Language) -> None:
        self._fields = fields
        self._digits = digits
        self._at = 0 if language == "zh" else 1
        self._writers: dict[type, Callable[[Any], str]] = {
            Const: lambda n: self.value(n.value, n.shape),
            FieldRef: lambda n: self.label(n.name),
            Parameter: lambda n: f":{n.name}",
            HasTag: lambda n: self._said(n, False),
            Arith: lambda n: f"({self.of(n.left)} {_SIGNS[n.op]} {self.of(n.right)})",
            Divide: lambda n: f"({self.of(n.left)} ÷ {self.of(n.right)})",
            Scale: lambda n: self.of(n.of),
            ToFloat: lambda n: self.of(n.of),
            Negate: lambda n: f"−{self.of(n.of)}",
            Modulo: lambda n: self._("{}除以 {} 的余数", "the remainder of {} by {}", self.of(n.of), str(n.by)),
            Absolute: lambda n: self._("{}的绝对值", "the magnitude of {}", self.of(n.of)),
            Round: lambda n: self._("{}（四舍五入）", "{} (rounded)", self.of(n.of)),
            Length: lambda n: self._("{}的长度", "the length of {}", self.of(n.of)),
            DatePart: lambda n: self._(*_PARTS[n.part], self.of(n.of)),
            AddDays: lambda n: self._("({} + {} 天)", "({} + {} days)", self.of(n.of), self.of(n.days)),
            AddMonths: lambda n: self._("({} + {} 个月)", "({} + {} months)", self.of(n.of), str(n.months)),
            AddSeconds: lambda n: self._("({} + {} 秒)", "({} + {} seconds)", self.of(n.of), str(n.seconds)),
            DaysBetween: lambda n: self._("从{}到{}的天数", "days from {} to {}", self.of(n.earlier), self.of(n.later)),
            Coalesce: lambda n: self._listed("{}中首个已知的值", "the first that is known of {}", n.parts),
            Extreme: lambda n: self._listed(
                *(("{}中的最大值", "the greatest of {}") if n.greatest else ("{}中的最小值", "the least of {}")),
                n.parts,
            ),
            Case: self._case,
        }

    def of(self, node: Node) -> str:
        """The phrase of any node."""
        writer = self._writers.get(type(node))
        return writer(node) if writer else self.said(node)

    def label(self, name: str) -> str:
        """What a field is called."""
        field = self._fields[name]
        return field.zh if self._at == 0 else field.en

    def said(self, node: Node, *, denied: bool = False, inside: bool = False) -> str:
        """A truth as a statement; `denied` says the opposite of it."""
        match node:
            case Logic():
                # The opposite of all is any of the opposites.
                both = (node.op == "and") is not denied
                joint = self._("，且", ", and ") if both else self._("，或", ", or ")
                said = joint.join(self.said(part, denied=denied, inside=True) for part in node.parts)
                return f"({said})" if inside else said
            case Not():
                return self.said(node.of, denied=not denied, inside=inside)
            case IsTruth() if node.truth:
                said = self._("“{}”成立", "it is so that {}", self.said(node.of))
                return self._("并非{}", "not: {}", said) if denied else said
            case IsTruth():
                said = self._("“{}”不成立", "it is known not to be so that {}", self.said(node.of))
                return self._("并非{}", "not: {}", said) if denied else said
            case _:
                return self._said(node, denied)

    def _said(self, node: Node, denied: bool) -> str:
        match node:
            case Compare():
                op = OPPOSITE[node.op] if denied else node.op
                words = _DATE_OPS if node.left.shape.base in ("date", "ts") else _OPS
                return f"{self.of(node.left)}{self._spaced(words[op])}{self.of(node.right)}"
            case Between():
                text = (
                    self._("{}不在 {} 至 {} 之间", "{} is not from {} to {}")
                    if denied
                    else self._("{}在 {} 至 {} 之间", "{} is from {} to {}")
                )
                return text.format(self.of(node.of), self.of(node.low), self.of(node.high))
            case InList():
                text = (
                    self._("{}不为 {} 之一", "{} is none of {}")
                    if denied
                    else self._("{}为 {} 之一", "{} is one of {}")
                )
                return text.format(self.of(node.of), self._("、", ", ").join(self.of(value) for value in node.values))
            case IsNull():
                return self.of(node.of) + (self._("已知", " is known") if denied else self._("未知", " is not known"))
            case Like():
                return self._liked(node, denied)
            case HasTag():
                text = (
                    self._("没有标签“{}”", "does not have the tag “{}”")
                    if denied
                    else self._("有标签“{}”", "has the tag “{}”")
                )
                return text.format(node.tag)
            case Const():
                return self.value(node.value is not denied, node.shape)
            case _:
                return f"{self.of(node)}{self._('：否', ': no') if denied else self._('：是', ': yes')}"

    def _liked(self, node: Like, denied: bool) -> str:
        match node.pattern:
            case (str() as text, 0):
                zh, en, not_en = "以“{}”开头", "starts with", "does not start with"
            case (0, str() as text):
                zh, en, not_en = "以“{}”结尾", "ends with", "does not end with"
            case (0, str() as text, 0):
                zh, en, not_en = "包含“{}”", "contains", "does not contain"
            case _:
                zh, en, not_en = "符合模式“{}”", "follows the pattern", "does not follow the pattern"
                text = likes.written(node.pattern)
        of = self.of(node.of)
        if self._at:
            return f"{of} {not_en if denied else en} “{text}”"
        return f"{of}{'不' if denied else ''}{zh.format(text)}"

    def value(self, value: Any, shape: Shape) -> str:
        """A value as it is read: money in whole units with its decimals."""
        match value:
            case None:
                return self._(*UNKNOWN)
            case bool():
                return self._("是", "yes") if value else self._("否", "no")
            case int():
                return format(Decimal(value).scaleb(-shape.scale - (self._digits if shape.money else 0)), "f")
            case float():
                return format(Decimal(repr(value)).scaleb(-self._digits if shape.money else 0).normalize(), "f")
            case str():
                return f"“{value}”"
            case datetime():
                return value.isoformat(" ")
            case date():
                return value.isoformat()
            case _:
                return self._("、", ", ").join(sorted(value))

    def _case(self, node: Case) -> str:
        text = self._("{}时为{}", "{1} where {0}")
        branches = [text.format(self.said(test), self.of(value)) for test, value in node.branches]
        return self._("({}，否则为{})", "({}, else {})", self._("；", "; ").join(branches), self.of(node.otherwise))

    def _listed(self, zh: str, en: str, parts: tuple[Node, ...]) -> str:
        return self._(zh, en, self._("、", ", ").join(self.of(part) for part in parts))

    def _spaced(self, words: Pair) -> str:
        return f" {words[0]} " if self._at == 0 else words[1]

    def _(self, zh: str, en: str, *values: str) -> str:
        text = en if self._at else zh
        return text.format(*values) if values else text
