"""A condition as SQL, made from the tree alone. This is DuckDB's; `sql_dialects` has PostgreSQL's and Spark's.

Every text is quoted, every number typed, every operator in parentheses: no engine's own precedence, default escape,
rounding, collation or division takes part.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar

from attune_expressions import likes
from attune_expressions.condition import Condition
from attune_expressions.tree import (
    Absolute,
    AddDays,
    AddMonths,
    AddSeconds,
    Arith,
    Base,
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
    ToFloat,
)

# What gives a BIGINT by itself; what else is exact may be a narrower column or constant.
_WIDE = (Arith, Scale, Modulo, Negate, Absolute, Round)


class Unbound(ValueError):
    """The condition still has parameters; `Condition.bind` gives them values."""


class DuckDB:
    """Writes a tree. `columns` says what a column is called where it is not called by its own name: trusted SQL."""

    TYPES: ClassVar[dict[Base, str]] = {
        "bool": "BOOLEAN", "fixed": "BIGINT", "float": "DOUBLE", "text": "VARCHAR", "date": "DATE", "ts": "TIMESTAMP",
    }  # fmt: skip

    def __init__(self, columns: Mapping[str, str] | None = None) -> None:
        self._columns = columns or {}
        self._writers: dict[type, Callable[[Any], str]] = {
            Const: self.constant,
            FieldRef: self.field,
            Logic: lambda n: f"({f' {n.op.upper()} '.join(self.write(part) for part in n.parts)})",
            Not: lambda n: f"(NOT {self.write(n.of)})",
            Compare: lambda n: f"({self.write(n.left)} {n.op} {self.write(n.right)})",
            Between: lambda n: f"({self.write(n.of)} BETWEEN {self.write(n.low)} AND {self.write(n.high)})",
            InList: lambda n: f"({self.write(n.of)} IN ({', '.join(self.write(v) for v in n.values)}))",
            IsNull: lambda n: f"({self.write(n.of)} IS NULL)",
            IsTruth: lambda n: f"({self.write(n.of)} IS {'TRUE' if n.truth else 'FALSE'})",
            Like: lambda n: f"({self.write(n.of)} LIKE {self.text(likes.written(n.pattern))} ESCAPE '!')",
            HasTag: self.has_tag,
            Arith: lambda n: f"({self.wide(n.left)} {n.op} {self.wide(n.right)})",
            Scale: lambda n: f"({self.wide(n.of)} * {self.whole(10**n.power)})",
            ToFloat: self.to_float,
            Divide: lambda n: f"({self.write(n.left)} / NULLIF({self.write(n.right)}, {self.double(0.0)}))",
            Modulo: lambda n: f"({self.wide(n.of)} % {self.whole(n.by)})",
            Negate: lambda n: f"(- {self.wide(n.of)})",
            Absolute: lambda n: f"ABS({self.wide(n.of)})",
            Round: self.round,
            Case: self.case,
            Coalesce: lambda n: f"COALESCE({', '.join(self.write(part) for part in n.parts)})",
            Extreme: self.extreme,
            Length: lambda n: f"CAST(LENGTH({self.write(n.of)}) AS {self.TYPES['fixed']})",
            DatePart: self.date_part,
            AddDays: self.add_days,
            AddMonths: self.add_months,
            AddSeconds: self.add_seconds,
            DaysBetween: self.days_between,
        }

    def write(self, node: Node) -> str:
        """The SQL of a node."""
        if isinstance(node, Parameter):
            raise Unbound(node.name)
        return self._writers[type(node)](node)

    # --- constants and fields ---

    def constant(self, node: Const) -> str:
        """A constant of the node's own type."""
        match node.value:
            case None:
                return f"CAST(NULL AS {self.TYPES[node.shape.base]})"
            case bool():
                return "TRUE" if node.value else "FALSE"
            case int():
                return self.whole(node.value)
            case float():
                return self.double(node.value)
            case str():
                return self.text(node.value)
            case datetime():
                return f"TIMESTAMP '{node.value.isoformat(' ')}'"
            case date():
                return f"DATE '{node.value.isoformat()}'"

    def whole(self, value: int) -> str:
        """A whole number; its width is a BIGINT's, so that nothing is reckoned in a narrower one."""
        return f"CAST({value} AS {self.TYPES['fixed']})"

    def double(self, value: float) -> str:
        """A double, from the text that names it exactly."""
        return f"CAST('{value!r}' AS {self.TYPES['float']})"

    def text(self, value: str) -> str:
        """A text in quotes."""
        return "'" + value.replace("'", "''") + "'"

    def field(self, node: FieldRef) -> str:
        """A column."""
        return self._columns.get(node.column) or self.name(node.column)

    def name(self, name: str) -> str:
        """A name in quotes."""
        return '"' + name.replace('"', '""') + '"'

    def wide(self, node: Node) -> str:
        """The SQL of a number that is reckoned with."""
        written = self.write(node)
        if node.shape.base == "fixed" and not isinstance(node, (*_WIDE, Const)):
            return f"CAST({written} AS {self.TYPES['fixed']})"
        return written

    # --- numbers ---

    def to_float(self, node: ToFloat) -> str:
        """The stored number, then its decimals."""
        stored = f"CAST({self.write(node.of)} AS {self.TYPES['float']})"
        scale = node.of.shape.scale
        return f"({stored} / {self.double(float(10**scale))})" if scale else stored

    def round(self, node: Round) -> str:
        """Half away from zero, by FLOOR or whole division: the engines' own ROUND differ."""
        of = self.wide(node.of)
        if node.shape.base == "fixed":
            unit = self.whole(10**node.power)
            half = self.whole(10**node.power // 2)
            return f"({self.sign(of)} * {self.whole_division(f'(ABS({of}) + {half})', unit)} * {unit})"
        factor = self.double(float(10 ** abs(node.power)))
        there, back = ("*", "/") if node.power <= 0 else ("/", "*")
        floor = f"FLOOR((ABS({of}) {there} {factor}) + {self.double(0.5)})"
        return f"((CASE WHEN {of} < {self.double(0.0)} THEN - {floor} ELSE {floor} END) {back} {factor})"

    def sign(self, of: str) -> str:
        """-1, 0 or 1."""
        return f"CAST(SIGN({of}) AS {self.TYPES['fixed']})"

    def whole_division(self, of: str, by: str) -> str:
        """Of a number that is not negative."""
        return f"({of} // {by})"

    # --- choices ---

    def case(self, node: Case) -> str:
        """The first branch that is TRUE."""
        branches = " ".join(f"WHEN {self.write(test)} THEN {self.write(value)}" for test, value in node.branches)
        return f"(CASE {branches} ELSE {self.write(node.otherwise)} END)"

    def extreme(self, node: Extreme) -> str:
        """GREATEST and LEAST pass over NULL here."""
        name = "GREATEST" if node.greatest else "LEAST"
        return f"{name}({', '.join(self.write(part) for part in node.parts)})"

    def has_tag(self, node: HasTag) -> str:
        """Whether the list holds the tag."""
        return f"COALESCE(list_contains({self.field(node.of)}, {self.text(node.tag)}), FALSE)"

    # --- days and moments ---

    def date_part(self, node: DatePart) -> str:
        """Year, month, day, ISO day of the week."""
        return f"CAST({node.part.upper()}({self.write(node.of)}) AS {self.TYPES['fixed']})"

    def add_days(self, node: AddDays) -> str:
        """A day and a whole number of days."""
        return f"({self.write(node.of)} + CAST({self.write(node.days)} AS INTEGER))"

    def add_months(self, node: AddMonths) -> str:
        """Clamped to the month's end; back from a moment to a day."""
        return f"CAST({self.write(node.of)} + INTERVAL '{node.months} months' AS DATE)"

    def add_seconds(self, node: AddSeconds) -> str:
        """A moment and seconds."""
        return f"({self.write(node.of)} + INTERVAL '{node.seconds} seconds')"

    def days_between(self, node: DaysBetween) -> str:
        """Days from the first to the second."""
        return f"CAST({self.write(node.later)} - {self.write(node.earlier)} AS {self.TYPES['fixed']})"


def duckdb_sql(condition: Condition, columns: Mapping[str, str] | None = None) -> str:
    """The condition for DuckDB: TRUE, FALSE or NULL of a row."""
    return DuckDB(columns).write(condition.root)
