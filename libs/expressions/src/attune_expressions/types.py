"""What goes together: types, units, scales and bounds, decided when a condition is saved and never when it runs. Pure.

A number without a unit takes the unit of what it meets; money meets money only. Exact numbers are brought to one scale,
and to doubles only where a double takes part. Each result carries its bound, so nothing can overflow later.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from attune_expressions.literals import as_double, day, double, exact, moment
from attune_expressions.tree import (
    LARGEST_AS_DOUBLE,
    LARGEST_EXACT,
    LARGEST_FLOAT,
    NULL,
    SMALLEST_FLOAT,
    Arith,
    Base,
    Case,
    Coalesce,
    Const,
    Divide,
    Extreme,
    Modulo,
    Negate,
    Node,
    Round,
    Scale,
    Shape,
    ToFloat,
)

WORDS: dict[Base, tuple[str, str]] = {
    "bool": ("a truth", "真假值"),
    "fixed": ("a number", "数字"),
    "float": ("a number", "数字"),
    "text": ("a text", "文本"),
    "date": ("a date", "日期"),
    "ts": ("a moment", "时刻"),
    "tags": ("tags", "标签"),
    "null": ("NULL", "NULL"),
}
NUMBERS = ("fixed", "float")


class Unfit(Exception):
    """Two things that do not go together; who reads the text adds where."""

    def __init__(self, code: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.code, self.en, self.zh = code, en, zh


def too_large() -> Unfit:
    """A result that could leave the range of whole numbers or doubles."""
    return Unfit("too_large", "the result could become too large to be exact", "计算结果可能超出精确范围")


def not_money() -> Unfit:
    """Money beside a number that is none."""
    return Unfit("unit_mismatch", "money goes with money only", "金额只能与金额一起使用")


def not_alike(one: Shape, other: Shape) -> Unfit:
    """Two types that have nothing in common."""
    if {one.base, other.base} == {"date", "ts"}:
        return Unfit(
            "type_mismatch",
            "a date is no moment; use a field with the business day",
            "日期不能与时刻比较，请用业务日期字段",
        )
    (en, zh), (en2, zh2) = WORDS[one.base], WORDS[other.base]
    how = ("; a date is written like '2024-02-29'", "，日期应写作 '2024-02-29'")
    more, more_zh = how if {one.base, other.base} & {"date"} and {one.base, other.base} & set(NUMBERS) else ("", "")
    return Unfit("type_mismatch", f"{en} does not go with {en2}{more}", f"{zh}与{zh2}类型不符{more_zh}")


def wanted(base: Base, found: Shape) -> Unfit:
    """Another type than is wanted."""
    (en, zh), (en2, zh2) = WORDS[base], WORDS[found.base]
    return Unfit("type_mismatch", f"{en} is wanted, this is {en2}", f"应为{zh}，此处为{zh2}")


def checked(shape: Shape) -> Shape:
    """The shape, if nothing of it can overflow."""
    if shape.base == "fixed" and shape.bound > LARGEST_EXACT:
        raise too_large()
    if shape.base == "float" and (shape.bound > LARGEST_FLOAT or shape.tiny < SMALLEST_FLOAT):
        raise too_large()
    return shape


def is_open(node: Node) -> bool:
    """Whether the node is made of bare constants, so that it takes the type of what it meets."""
    match node:
        case Const():
            return node.open
        case Case():
            return all(is_open(value) for _, value in node.branches) and is_open(node.otherwise)
        case Coalesce() | Extreme():
            return all(is_open(part) for part in node.parts)
        case _:
            return False


class Types:
    """The rules, for a currency of so many decimals."""

    def __init__(self, digits: int) -> None:
        self.digits = digits

    def fit(self, nodes: Sequence[Node]) -> tuple[list[Node], Shape]:
        """The nodes brought to one type, unit and scale, and that shape; Unfit."""
        closed = [node.shape for node in nodes if not is_open(node)]
        shape = _common(closed or [node.shape for node in nodes if node.shape.base != "null"])
        fitted = [self._adapted(node, shape) if is_open(node) else node for node in nodes]
        if shape.base == "float":
            fitted = [to_float(node) for node in fitted]
        elif shape.base == "fixed":
            scale = max(node.shape.scale for node in fitted)
            fitted = [to_scale(node, scale) for node in fitted]
        if shape.base == "null":
            return fitted, shape
        return fitted, replace(
            shape,
            scale=max(node.shape.scale for node in fitted),
            bound=max(node.shape.bound for node in fitted),
            tiny=min(node.shape.tiny or 1.0 for node in fitted) if shape.base == "float" else 0.0,
        )

    def _adapted(self, node: Node, target: Shape) -> Node:
        """An open node as what it meets."""
        match node:
            case Const():
                return self._constant(node, target)
            case Case():
                values = [*(value for _, value in node.branches), node.otherwise]
                fitted, shape = self.fit([self._adapted(value, target) for value in values])
                pairs = tuple((test, value) for (test, _), value in zip(node.branches, fitted, strict=False))
                return Case(pairs, fitted[-1], shape)
            case Coalesce() | Extreme():
                fitted, shape = self.fit([self._adapted(part, target) for part in node.parts])
                return replace(node, parts=tuple(fitted), shape=shape)
            case _:
                return node

    def _constant(self, node: Const, target: Shape) -> Const:
        if node.value is None:
            return Const(replace(target, bound=0, scale=0, tiny=1.0 if target.base == "float" else 0.0), None)
        base = node.shape.base
        shift = self.digits if target.money and not node.shape.money else 0
        if base == "fixed" and target.base == "float":
            return double(as_double(node, shift), money=target.money)
        if base == "fixed" and target.base == "fixed":
            return _shifted(node, shift, target.money)
        if base == "text" and target.base in ("date", "ts"):
            found = day(str(node.value)) if target.base == "date" else moment(str(node.value))
            if found is None:
                raise Unfit("date_form", "a date is written like '2024-02-29'", "日期应写作 '2024-02-29'")
            return found
        if base != target.base:
            raise not_alike(target, node.shape)
        return node

    def add(self, op: Literal["+", "-"], left: Node, right: Node) -> Node:
        """The sum or difference of two numbers of one unit."""
        for node in (left, right):
            _number(node)
        (left, right), shape = self.fit([left, right])
        if isinstance(left, Const) and isinstance(right, Const) and left.open and right.open:
            sign = 1 if op == "+" else -1
            value = left.stored + sign * right.stored
            return _kept(exact(value, left.shape.scale, open_=True))
        bound = left.shape.bound + right.shape.bound
        # The difference of two doubles is 0 or at least a unit in the last place of the smaller.
        return Arith(op, left, right, checked(replace(shape, bound=bound, tiny=shape.tiny * 2**-53 or 0.0)))

    def multiply(self, left: Node, right: Node) -> Node:
        """A product; of money with a number only."""
        for node in (left, right):
            _number(node)
        one, other = left.shape, right.shape
        if one.money and other.money:
            raise Unfit("unit_mismatch", "money is not multiplied by money", "金额不能与金额相乘")
        money = one.money or other.money
        if isinstance(left, Const) and isinstance(right, Const) and left.open and right.open:
            return _kept(exact(left.stored * right.stored, one.scale + other.scale, open_=True))
        if "float" in (one.base, other.base):
            left, right = to_float(left), to_float(right)
            one, other = left.shape, right.shape
            shape = Shape("float", money, 0, one.bound * other.bound, one.tiny * other.tiny)
        else:
            shape = Shape("fixed", money, one.scale + other.scale, one.bound * other.bound)
        return Arith("*", left, right, checked(shape))

    def divide(self, left: Node, right: Node) -> Node:
        """Always of doubles; money by money is a ratio."""
        for node in (left, right):
            _number(node)
        if isinstance(right, Const) and right.value == 0:
            raise Unfit("zero_divisor", "nothing is divided by 0", "除数不能为 0")
        if right.shape.money and not left.shape.money:
            raise Unfit("unit_mismatch", "a number is not divided by money", "数字不能除以金额")
        money = left.shape.money and not right.shape.money
        left, right = to_float(left), to_float(right)
        one, other = left.shape, right.shape
        bound = one.bound / other.tiny
        tiny = one.tiny / max(other.bound, other.tiny)
        return Divide(left, right, checked(Shape("float", money, 0, bound, tiny)))

    def modulo(self, left: Node, right: Node) -> Node:
        """Of a whole number by a positive constant."""
        shape = left.shape
        if shape.base != "fixed" or shape.money or shape.scale:
            raise Unfit("type_mismatch", "% is for whole numbers", "% 只用于整数")
        if not isinstance(right, Const) or right.shape.base != "fixed" or right.shape.scale or right.stored <= 0:
            raise Unfit("type_mismatch", "% is followed by a positive whole number", "% 之后应为正整数")
        by = right.stored
        return Modulo(left, by, Shape("fixed", bound=min(shape.bound, by - 1)))

    def negate(self, node: Node) -> Node:
        """A number with the other sign."""
        _number(node)
        if isinstance(node, Const) and node.shape.base == "fixed":
            return replace(node, value=-node.stored)
        return Negate(node, node.shape)

    def round(self, node: Node, places: int) -> Node:
        """Half away from zero to so many decimals, of money in whole units."""
        _number(node)
        shape = node.shape
        shift = self.digits if shape.money else 0
        if shape.base == "float":
            bound, tiny = shape.bound * 2 + 10 ** max(shift, 0), min(shape.tiny, 10.0 ** (shift - places))
            return Round(node, shift - places, checked(replace(shape, bound=bound, tiny=tiny)))
        power = shape.scale + shift - places
        if power <= 0:
            return node
        return Round(node, power, checked(replace(shape, bound=shape.bound + 10**power)))


def to_float(node: Node) -> Node:
    """A number as a double; of an exact one every value is a double."""
    shape = node.shape
    if shape.base == "float":
        return node
    if isinstance(node, Const):
        if node.value is None:
            return Const(Shape("float", shape.money, tiny=1.0), None)
        return double(as_double(node), money=shape.money)
    if shape.bound > LARGEST_AS_DOUBLE:
        raise too_large()
    return ToFloat(node, checked(Shape("float", shape.money, 0, shape.bound / 10**shape.scale, 10.0**-shape.scale)))


def to_scale(node: Node, scale: int) -> Node:
    """An exact number with so many decimals."""
    power = scale - node.shape.scale
    if power == 0:
        return node
    shape = checked(replace(node.shape, scale=scale, bound=node.shape.bound * 10**power))
    if isinstance(node, Const):
        return replace(node, shape=shape, value=None if node.value is None else node.stored * 10**power)
    return Scale(node, power, shape)


def _common(shapes: Sequence[Shape]) -> Shape:
    """One shape for all; a double where one takes part."""
    if not shapes:
        return NULL
    first = shapes[0]
    for shape in shapes[1:]:
        if first.base in NUMBERS and shape.base in NUMBERS:
            if first.money != shape.money:
                raise not_money()
            if shape.base == "float":
                first = shape
        elif first.base != shape.base:
            raise not_alike(first, shape)
    return first


def _number(node: Node) -> None:
    if node.shape.base not in NUMBERS:
        raise wanted("fixed", node.shape)


def _shifted(node: Const, shift: int, money: bool) -> Const:
    """A bare number as minor units."""
    if not shift:
        return replace(node, shape=replace(node.shape, money=money))
    stored, scale = node.stored, node.shape.scale
    power = max(shift - scale, 0)
    found = exact(stored * 10**power, max(scale - shift, 0), money=money)
    checked(found.shape)
    return found


def _kept(constant: Const) -> Const:
    checked(constant.shape)
    return constant
