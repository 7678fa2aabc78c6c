"""What PostgreSQL and Spark write differently from DuckDB."""

from collections.abc import Mapping
from typing import ClassVar

from attune_expressions.condition import Condition
from attune_expressions.sql import DuckDB
from attune_expressions.tree import (
    AddMonths,
    AddSeconds,
    Base,
    DatePart,
    DaysBetween,
    FieldRef,
    HasTag,
)


class PostgreSQL(DuckDB):
    """Text is compared by its bytes whatever the database's collation is; a moment's column is a plain TIMESTAMP."""

    TYPES: ClassVar[dict[Base, str]] = {**DuckDB.TYPES, "float": "DOUBLE PRECISION", "text": "TEXT"}

    def text(self, value: str) -> str:
        """A text that knows its collation."""
        return f"""({super().text(value)} COLLATE "C")"""

    def field(self, node: FieldRef) -> str:
        """A column; a text's with the collation."""
        name = super().field(node)
        return f"""({name} COLLATE "C")""" if node.shape.base == "text" else name

    def whole_division(self, of: str, by: str) -> str:
        """BIGINT by BIGINT is whole."""
        return f"({of} / {by})"

    def has_tag(self, node: HasTag) -> str:
        """Whether the array holds the tag."""
        return f"COALESCE({self.text(node.tag)} = ANY ({self.field(node.of)}), FALSE)"

    def date_part(self, node: DatePart) -> str:
        """EXTRACT gives a numeric."""
        return f"CAST(EXTRACT({node.part.upper()} FROM {self.write(node.of)}) AS {self.TYPES['fixed']})"


class Spark(DuckDB):
    """Spark 4, its session's time zone UTC."""

    TYPES: ClassVar[dict[Base, str]] = {**DuckDB.TYPES, "text": "STRING"}

    def text(self, value: str) -> str:
        """Spark reads backslashes, and two quotes as nothing."""
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def name(self, name: str) -> str:
        """A name in back-ticks."""
        return "`" + name.replace("`", "``") + "`"

    def whole_division(self, of: str, by: str) -> str:
        """Spark's own operator."""
        return f"({of} DIV {by})"

    def has_tag(self, node: HasTag) -> str:
        """Whether the array holds the tag."""
        return f"COALESCE(array_contains({self.field(node.of)}, {self.text(node.tag)}), FALSE)"

    def date_part(self, node: DatePart) -> str:
        """WEEKDAY is 0 on a Monday."""
        if node.part == "isodow":
            return f"CAST(WEEKDAY({self.write(node.of)}) + 1 AS {self.TYPES['fixed']})"
        return super().date_part(node)

    def add_months(self, node: AddMonths) -> str:
        """Clamped to the month's end."""
        return f"ADD_MONTHS({self.write(node.of)}, {node.months})"

    def add_seconds(self, node: AddSeconds) -> str:
        """A moment and seconds."""
        return f"({self.write(node.of)} + INTERVAL '{node.seconds}' SECOND)"

    def days_between(self, node: DaysBetween) -> str:
        """Without an interval between."""
        return f"CAST(DATEDIFF({self.write(node.later)}, {self.write(node.earlier)}) AS {self.TYPES['fixed']})"


def postgresql_sql(condition: Condition, columns: Mapping[str, str] | None = None) -> str:
    """The condition for PostgreSQL."""
    return PostgreSQL(columns).write(condition.root)


def spark_sql(condition: Condition, columns: Mapping[str, str] | None = None) -> str:
    """The condition for Spark."""
    return Spark(columns).write(condition.root)
