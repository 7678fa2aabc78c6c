"""Which of sqlglot's classes a condition may consist of, and which of their arguments may be set.

An argument may change a meaning in silence (`Like.negate` is NOT LIKE), so whatever is set outside the list is refused.
"""

from sqlglot import exp

_TWO = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
_NONE: frozenset[str] = frozenset()

ADMITTED: dict[type[exp.Expression], frozenset[str]] = {
    exp.And: _TWO,
    exp.Or: _TWO,
    exp.Not: _ONE,
    exp.Paren: _ONE,
    exp.Column: _ONE,
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Null: _NONE,
    exp.Boolean: _ONE,
    exp.EQ: _TWO,
    exp.NEQ: _TWO,
    exp.LT: _TWO,
    exp.LTE: _TWO,
    exp.GT: _TWO,
    exp.GTE: _TWO,
    exp.Between: frozenset({"this", "low", "high"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Is: _TWO,
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.Escape: _TWO,
    exp.Add: _TWO,
    exp.Sub: _TWO,
    exp.Mul: _TWO,
    exp.Div: _TWO,
    exp.Mod: _TWO,
    exp.Neg: _ONE,
    exp.Case: frozenset({"ifs", "default"}),
    exp.If: frozenset({"this", "true"}),
    exp.Coalesce: frozenset({"this", "expressions"}),
    # Passing over NULL is what DuckDB's do, and what the language does.
    exp.Greatest: frozenset({"this", "expressions", "ignore_nulls"}),
    exp.Least: frozenset({"this", "expressions", "ignore_nulls"}),
    exp.Abs: _ONE,
    exp.Round: frozenset({"this", "decimals"}),
    exp.Length: _ONE,
    exp.Year: _ONE,
    exp.Month: _ONE,
    exp.Day: _ONE,
    exp.DayOfWeekIso: _ONE,
    exp.Cast: frozenset({"this", "to"}),
    exp.DataType: _ONE,
    exp.Interval: frozenset({"this", "unit"}),
    exp.Var: _ONE,
    exp.Placeholder: _ONE,
    exp.Anonymous: frozenset({"this", "expressions"}),
}


def stranger(node: exp.Expression) -> str | None:
    """What is not admitted about a node itself: its class, or an argument of it; None if all of it is."""
    allowed = ADMITTED.get(type(node))
    if allowed is None:
        return type(node).__name__
    for name, value in node.args.items():
        if value is not None and value is not False and value != [] and name not in allowed:
            return f"{type(node).__name__}.{name}"
    return None
