"""From sqlglot's tree to ours: every node checked against the list of what is admitted, then typed."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from attune_expressions import dates, likes, literals
from attune_expressions.admitted import stranger
from attune_expressions.catalogue import Catalogue
from attune_expressions.fields import Field
from attune_expressions.refusals import Position, Refused, position
from attune_expressions.token_scan import too_deep
from attune_expressions.tree import (
    BOOL,
    NULL,
    Absolute,
    Between,
    Case,
    Coalesce,
    Compare,
    Comparison,
    Const,
    Extreme,
    FieldRef,
    HasTag,
    InList,
    IsNull,
    IsTruth,
    Length,
    Like,
    Logic,
    Node,
    Not,
    Parameter,
    Round,
    Shape,
    children,
)
from attune_expressions.types import NUMBERS, Types, Unfit, wanted
from attune_expressions.words import FUNCTIONS

LONGEST_CHAIN = 50
# What a bank's own fields may add to a condition, in nodes: what they stand for is there each time that they are named.
MOST_OWN_NODES = 2_000
_COMPARISONS: dict[type, Comparison] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
_PREDICATES = {
    *_COMPARISONS, exp.Between, exp.In, exp.Is, exp.Like, exp.Escape, exp.Not, exp.And, exp.Or,
}  # fmt: skip
Raw = Any
"""A node of sqlglot's, which has no types of its own here."""


class Reader:
    """Reads one text. `read` gives a typed node; what is refused is refused with its place in the text."""

    def __init__(self, text: str, catalogue: Catalogue, parameters: Mapping[str, Field]) -> None:
        self._text = text
        self._catalogue = catalogue
        self._parameters = parameters
        self._types = Types(catalogue.digits)
        self.own: dict[str, int] = {}
        """The bank's own fields that have been read, and how many nodes they have added."""
        self._readers: dict[type, Callable[[Any], Node]] = {
            exp.And: self._logic,
            exp.Or: self._logic,
            exp.Not: lambda e: Not(self._truth(e.this)),
            exp.Paren: lambda e: self.read(e.this),
            exp.Column: self._column,
            exp.Placeholder: self._parameter,
            exp.Literal: lambda e: literals.text(e.this) if e.is_string else literals.number(e.this),
            exp.Null: lambda _: Const(NULL, None, open=True),
            exp.Boolean: lambda e: Const(BOOL, bool(e.this)),
            exp.Between: self._between,
            exp.In: self._in,
            exp.Is: self._is,
            exp.Like: self._like,
            exp.Escape: self._escape,
            exp.Neg: lambda e: self._types.negate(self._operand(e.this)),
            exp.Case: self._case,
            exp.Coalesce: self._coalesce,
            exp.Greatest: self._extreme,
            exp.Least: self._extreme,
            exp.Abs: self._absolute,
            exp.Round: self._round,
            exp.Length: self._length,
            exp.Cast: self._cast,
            exp.Interval: self._interval_alone,
            exp.Anonymous: self._named,
            **dict.fromkeys(_COMPARISONS, self._compare),
            **dict.fromkeys(_ARITHMETIC, self._arithmetic),
            **dict.fromkeys(dates.PARTS, self._date_part),
        }

    def condition(self, e: Raw) -> Node:
        """The whole: a truth."""
        return self._truth(e)

    def read(self, e: Raw) -> Node:
        """One node and all below it; Refused."""
        strange = stranger(e)
        reader = self._readers.get(type(e))
        if strange is not None or reader is None:
            name = strange or type(e).__name__
            raise Refused("not_admitted", f"the language has no {name}", f"条件语言不支持 {name}", self._place(e))
        try:
            return reader(e)
        except Unfit as unfit:
            raise Refused(unfit.code, unfit.en, unfit.zh, self._place(e)) from None
        except RecursionError:
            raise too_deep(self._text, 0) from None

    # --- truths ---

    def _truth(self, e: Raw) -> Node:
        node = self.read(e)
        if node.shape.base != "bool":
            unfit = wanted("bool", node.shape)
            raise Refused(unfit.code, unfit.en, unfit.zh, self._place(e))
        return node

    def _operand(self, e: Raw) -> Node:
        """What stands beside an operator: no bare comparison, which two readers would group in two ways."""
        if type(e) in _PREDICATES:
            en, zh = "comparisons are not chained; use AND, or parentheses", "比较不能连写，请用 AND 或括号"
            raise Refused("chained", en, zh, self._place(e))
        return self.read(e)

    def _logic(self, e: Raw) -> Node:
        kind = type(e)
        parts: list[Node] = []
        waiting: list[Raw] = [e]
        while waiting:
            part = waiting.pop()
            if type(part) is kind:
                waiting += [part.expression, part.this]
            else:
                parts.append(self._truth(part))
        return Logic("and" if kind is exp.And else "or", tuple(parts))

    def _compare(self, e: Raw) -> Node:
        op = _COMPARISONS[type(e)]
        left, right = self._together(e.this, e.expression)
        if left.shape.base == "bool" and op not in ("=", "<>"):
            raise Unfit("type_mismatch", "truths have no order", "真假值没有大小")
        return Compare(op, left, right)

    def _between(self, e: Raw) -> Node:
        of, low, high = self._together(e.this, e.args["low"], e.args["high"])
        if of.shape.base == "bool":
            raise Unfit("type_mismatch", "truths have no order", "真假值没有大小")
        return Between(of, low, high)

    def _together(self, *sides: Raw) -> list[Node]:
        """The sides of a comparison, brought together."""
        nodes = [self._operand(side) for side in sides]
        if any(isinstance(node, Const) and node.value is None for node in nodes):
            raise Unfit("null_compared", "nothing is = NULL; write IS NULL", "NULL 不能比较，请用 IS NULL")
        fitted, shape = self._types.fit(nodes)
        if shape.base == "tags":
            raise Unfit("type_mismatch", "tags are asked by has_tag('…')", "标签请用 has_tag('…') 判断")
        return fitted

    def _in(self, e: Raw) -> Node:
        of = self._operand(e.this)
        values = [self._operand(value) for value in e.expressions]
        for value, raw in zip(values, e.expressions, strict=True):
            if not isinstance(value, Const):
                raise Refused("list_form", "a list holds constants", "列表中只能是常量", self._place(raw))
            if value.value is None:
                raise Refused(
                    "null_in_list", "NULL is in no list; use IS NULL", "列表中不能有 NULL，请用 IS NULL", self._place(e)
                )
        if not values or of.shape.base in ("bool", "tags", "null"):
            raise Unfit("type_mismatch", "IN is for numbers, texts and dates", "IN 用于数字、文本与日期")
        (of, *fitted), _ = self._types.fit([of, *values])
        return InList(of, tuple(value for value in fitted if isinstance(value, Const)))

    def _is(self, e: Raw) -> Node:
        if type(e.expression) is exp.Null:
            of = self._operand(e.this)
            if of.shape.base in ("tags", "null"):
                raise Unfit("type_mismatch", "this is never NULL, or always", "此项从不或总是 NULL")
            return IsNull(of)
        if type(e.expression) is not exp.Boolean:
            raise Unfit("bad_token", "IS is followed by NULL, TRUE or FALSE", "IS 之后应为 NULL、TRUE 或 FALSE")
        of = self._operand(e.this)
        if of.shape.base != "bool":
            raise wanted("bool", of.shape)
        return IsTruth(of, bool(e.expression.this))

    def _like(self, e: Raw, escape: str | None = None) -> Node:
        of, pattern = self._operand(e.this), self._operand(e.expression)
        if of.shape.base != "text":
            raise wanted("text", of.shape)
        if not isinstance(pattern, Const) or not isinstance(pattern.value, str):
            raise Unfit("like_form", "LIKE is followed by a constant text", "LIKE 之后应为常量文本")
        try:
            found = Like(of, likes.read_pattern(pattern.value, escape))
        except likes.BadPattern as bad:
            raise Unfit("like_form", bad.en, bad.zh) from None
        return Not(found) if e.args.get("negate") else found

    def _escape(self, e: Raw) -> Node:
        if type(e.this) is not exp.Like or type(e.expression) is not exp.Literal or not e.expression.is_string:
            raise Unfit("like_form", "ESCAPE follows a LIKE and is a text", "ESCAPE 应在 LIKE 之后且为文本")
        if strange := stranger(e.this):
            raise Unfit("not_admitted", f"the language has no {strange}", f"条件语言不支持 {strange}")
        return self._like(e.this, e.expression.this)

    # --- values ---

    def _column(self, e: Raw) -> Node:
        self._whole(e.this)
        name = e.this.this if e.this.args.get("quoted") else e.this.this.lower()
        field = self._catalogue.fields.get(name)
        if field is None:
            raise Unfit("unknown_field", f"unknown field {name}", f"未知字段 {name}")
        if name in self._catalogue.meanings:
            return self._meant(name, self._catalogue.meanings[name])
        return FieldRef(field.shape, name, field.source)

    def _meant(self, name: str, meaning: Node) -> Node:
        """A bank's own field: what it stands for, in its place."""
        self.own[name] = self.own.get(name, 0) + _size(meaning)
        if sum(self.own.values()) > MOST_OWN_NODES:
            en, zh = f"with what {name} stands for, the condition is too long", f"展开字段 {name} 后条件过长"
            raise Unfit("too_many_tokens", en, zh)
        return meaning

    def _parameter(self, e: Raw) -> Node:
        name = str(e.this).lower()
        field = self._parameters.get(name)
        if field is None or field.type == "tags":
            raise Unfit("unknown_parameter", f"unknown parameter :{name}", f"未知参数 :{name}")
        return Parameter(field.shape, name)

    def _arithmetic(self, e: Raw) -> Node:
        """A chain of operators, by a loop: it is as deep as it is long."""
        chain: list[Raw] = []
        while isinstance(e, _ARITHMETIC):
            if strange := stranger(e):
                raise Unfit("not_admitted", f"the language has no {strange}", f"条件语言不支持 {strange}")
            chain.append(e)
            e = e.this
        if len(chain) > LONGEST_CHAIN:
            raise too_deep(self._text, 0)
        node = self._operand(e)
        for step in reversed(chain):
            try:
                node = self._step(step, node)
            except Unfit as unfit:
                raise Refused(unfit.code, unfit.en, unfit.zh, self._place(step)) from None
        return node

    def _step(self, e: Raw, left: Node) -> Node:
        kind = type(e)
        if type(e.expression) is exp.Interval and kind in (exp.Add, exp.Sub):
            return self._moved(e, left)
        right = self._operand(e.expression)
        if kind in (exp.Add, exp.Sub):
            if left.shape.base == "date":
                return dates.add_days(self._types, left, right, minus=kind is exp.Sub)
            return self._types.add("+" if kind is exp.Add else "-", left, right)
        if kind is exp.Mul:
            return self._types.multiply(left, right)
        return self._types.divide(left, right) if kind is exp.Div else self._types.modulo(left, right)

    def _moved(self, e: Raw, left: Node) -> Node:
        interval = e.expression
        if strange := stranger(interval):
            raise Unfit("not_admitted", f"the language has no {strange}", f"条件语言不支持 {strange}")
        number, unit = interval.this, interval.args.get("unit")
        if type(number) is not exp.Literal or type(unit) is not exp.Var:
            raise dates.bad_interval()
        left = dates.as_day(self._types, left) if left.shape.base == "text" else left
        return dates.add_interval(left, str(number.this), str(unit.this).lower(), minus=type(e) is exp.Sub)

    def _interval_alone(self, _: Raw) -> Node:
        raise Unfit("interval_form", "an interval stands right of + or -", "INTERVAL 只能在 + 或 - 的右侧")

    def _case(self, e: Raw) -> Node:
        tests, values = [], []
        for branch in e.args["ifs"]:
            self._whole(branch)
            tests.append(self._truth(branch.this))
            values.append(self.read(branch.args["true"]))
        default = e.args.get("default")
        values.append(Const(NULL, None, open=True) if default is None else self.read(default))
        fitted, shape = self._valued(values)
        return Case(tuple(zip(tests, fitted, strict=False)), fitted[-1], shape)

    def _valued(self, nodes: list[Node]) -> tuple[list[Node], Shape]:
        """What one of which is taken: all of one type."""
        fitted, shape = self._types.fit(nodes)
        if shape.base in ("null", "tags"):
            raise wanted("fixed", shape)
        return fitted, shape

    def _arguments(self, e: Raw, name: str) -> list[Raw]:
        found = [*([e.this] if isinstance(e.this, exp.Expression) else []), *(e.expressions or [])]
        least, most = FUNCTIONS[name]
        if not least <= len(found) <= most:
            raise Unfit(
                "arguments", f"{name} takes {least} to {most} arguments", f"{name} 需要 {least} 至 {most} 个参数"
            )
        return found

    def _coalesce(self, e: Raw) -> Node:
        fitted, shape = self._valued([self.read(part) for part in self._arguments(e, "coalesce")])
        return Coalesce(tuple(fitted), shape)

    def _extreme(self, e: Raw) -> Node:
        name = "greatest" if type(e) is exp.Greatest else "least"
        fitted, shape = self._valued([self.read(part) for part in self._arguments(e, name)])
        if shape.base == "bool":
            raise Unfit("type_mismatch", "truths have no order", "真假值没有大小")
        return Extreme(name == "greatest", tuple(fitted), shape)

    def _absolute(self, e: Raw) -> Node:
        of = self.read(e.this)
        if of.shape.base not in NUMBERS:
            raise wanted("fixed", of.shape)
        return Absolute(of, of.shape)

    def _round(self, e: Raw) -> Node:
        of, places = self.read(e.this), e.args.get("decimals")
        if places is not None and (type(places) is not exp.Literal or str(places.this) not in "0123456"):
            raise Unfit("arguments", "round takes 0 to 6 decimals", "round 的小数位为 0 至 6")
        if _has_round(of):  # it is written twice in SQL, so nesting it would grow without end
            raise Unfit("not_admitted", "what is rounded is not rounded again", "round 不能嵌套")
        return self._types.round(of, int(places.this) if places is not None else 0)

    def _length(self, e: Raw) -> Node:
        of = self.read(e.this)
        if of.shape.base != "text":
            raise wanted("text", of.shape)
        return Length(of, Shape("fixed", bound=of.shape.bound))

    def _date_part(self, e: Raw) -> Node:
        return dates.part(dates.PARTS[type(e)], dates.as_day(self._types, self.read(e.this)))

    def _cast(self, e: Raw) -> Node:
        kind = e.args["to"].this.name
        if type(e.this) is not exp.Literal or not e.this.is_string or kind not in ("DATE", "TIMESTAMP", "TIMESTAMPNTZ"):
            raise Unfit(
                "not_admitted",
                "nothing is converted but DATE '…' and TIMESTAMP '…'",
                "仅支持 DATE '…' 与 TIMESTAMP '…'",
            )
        self._whole(e.args["to"])
        found = literals.day(e.this.this) if kind == "DATE" else literals.moment(e.this.this)
        if found is None:
            raise Unfit("date_form", "a date is written like '2024-02-29'", "日期应写作 '2024-02-29'")
        return found

    def _named(self, e: Raw) -> Node:
        name = str(e.this).lower()
        if name not in ("days_between", "has_tag"):
            raise Unfit("unknown_function", f"unknown function {name}", f"未知函数 {name}")
        parts = e.expressions
        if len(parts) != FUNCTIONS[name][0]:
            raise Unfit(
                "arguments", f"{name} takes {FUNCTIONS[name][0]} arguments", f"{name} 需要 {FUNCTIONS[name][0]} 个参数"
            )
        if name == "days_between":
            return dates.days_between(*(dates.as_day(self._types, self.read(part)) for part in parts))
        tags, tag = self._catalogue.tags, parts[0]
        if tags is None:
            raise Unfit("unknown_field", "nothing here has tags", "此处没有标签字段")
        if type(tag) is not exp.Literal or not tag.is_string:
            raise Unfit("type_mismatch", "has_tag takes a constant text", "has_tag 的参数应为常量文本")
        return HasTag(FieldRef(tags.shape, tags.name, tags.source), tag.this)

    # --- places ---

    def _whole(self, e: Raw) -> None:
        if strange := stranger(e):
            raise Unfit("not_admitted", f"the language has no {strange}", f"条件语言不支持 {strange}")

    def _place(self, e: Raw) -> Position:
        """Where a node begins: the first of its descendants that knows; the node above where none does."""
        node: Raw | None = e
        while node is not None:
            starts = [found.meta["start"] for found in node.walk() if "start" in found.meta]
            if starts:
                return position(self._text, min(starts))
            node = node.parent
        return position(self._text, 0)


def _has_round(node: Node) -> bool:
    return isinstance(node, Round) or any(_has_round(child) for child in children(node))


def _size(node: Node) -> int:
    return 1 + sum(_size(child) for child in children(node))
