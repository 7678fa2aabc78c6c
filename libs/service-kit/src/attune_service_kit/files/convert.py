"""The SQL of a dataset's columns: from the texts of the extract to typed values, and every way in which that can fail.

Three layers, so that nothing is computed twice: `c…` are the trimmed source columns (NULL where empty), `v…` the values
parsed from them, and on top the dataset's columns and the number of the first fault.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from attune_contracts.identifiers import digest_sql, uuid8_of_sql
from attune_service_kit.files import values
from attune_service_kit.files.sources import Condition, Source
from attune_service_kit.files.targets import (
    ALLOWED,
    DEFAULTS,
    DIVIDING,
    LARGEST,
    LARGEST_MINOR,
    NOT_NEGATIVE,
    OWN_ID,
    PATTERNS,
    REFERENCES,
    Target,
)
from attune_service_kit.lake_sql import quote

_EARLIEST, _LATEST = "1900-01-01", "2100-12-31"
# Months and days that are added to a date: a hundred years at most, or the sum is no date that DuckDB has.
_FARTHEST = {"plus_months": ("to_months", 1_200), "plus_days": ("to_days", 36_600)}


@dataclass(frozen=True)
class Fault:
    """A condition under which a row is rejected; the first one that holds is reported."""

    condition: str
    column: str
    reason: str


@dataclass
class Converter:
    """Builds the layers for one dataset; `resolve` gives the `c…` alias of a source column."""

    source: str
    resolve: Callable[[str], str]
    values: list[str] = field(default_factory=list)  # SQL of v0, v1, …
    outputs: list[tuple[str, str]] = field(default_factory=list)  # dataset column, SQL
    faults: list[Fault] = field(default_factory=list)
    _guard: str = ""  # what must hold for a value to be asked for at all

    def add(self, target: Target, source: Source | None) -> None:
        """Add one column of the dataset."""
        if source is None:
            self.outputs.append((target.name, DEFAULTS.get(target.key, f"NULL::{target.type}")))
            return
        sql = self._value(target, source)
        label = label_of(source) or target.name
        self._check(target, source, sql, label)
        if target.name in REFERENCES:
            sql = self._identifier(REFERENCES[target.name], sql)
        self.outputs.append((target.name, sql))
        if target.key[1] == "source_id" and target.dataset in OWN_ID:
            name, kind = OWN_ID[target.dataset]
            self.outputs.append((name, self._identifier(kind, sql)))

    def conditions(self, conditions: Iterable[Condition]) -> str:
        """SQL that is true where all conditions hold, and never NULL."""
        return " AND ".join(self._condition(condition) for condition in conditions) or "true"

    def _condition(self, condition: Condition) -> str:
        column = self.resolve(condition.column)
        if condition.filled is not None:
            return f"{column} IS {'NOT ' if condition.filled else ''}NULL"
        if condition.same_as is not None:
            return f"coalesce({column} = {self.resolve(condition.same_as)}, false)"
        if condition.starts_with is not None:
            tests = " OR ".join(f"starts_with({column}, {quote(text)})" for text in condition.starts_with)
            return f"coalesce({tests}, false)"
        listed = ", ".join(quote(text) for text in condition.equals or condition.not_equals or ())
        if condition.equals is not None:
            return f"coalesce({column} IN ({listed}), false)"
        return f"coalesce({column} NOT IN ({listed}), true)"

    def _identifier(self, kind: str, sql: str) -> str:
        return uuid8_of_sql(self._parsed(digest_sql(quote(self.source), quote(kind), sql)))

    def _check(self, target: Target, source: Source, sql: str, label: str) -> None:
        """Faults of the value, whatever it was made from."""
        if target.type == "VARCHAR" and not _written_in_the_mapping(source):
            self._fault(f"length({sql}) > {target.longest}", label, f"is longer than {target.longest} characters")
            if target.key in ALLOWED:
                allowed = ", ".join(quote(value) for value in ALLOWED[target.key])
                self._fault(f"{sql} NOT IN ({allowed})", label, f"is none of {', '.join(ALLOWED[target.key])}")
            if target.key in PATTERNS:
                form, words = PATTERNS[target.key]
                self._fault(f"NOT regexp_full_match({sql}, {quote(form)})", label, f"is not {words.en}")
        elif target.type in ("DATE", "TIMESTAMPTZ"):
            late = f"(DATE '{_LATEST}' + 1)" if target.type == "TIMESTAMPTZ" else f"DATE '{_LATEST}'"
            outside = f"{sql} NOT BETWEEN DATE '{_EARLIEST}' AND {late}"
            self._fault(outside, label, "lies outside 1900 to 2100")
        elif target.type == "BIGINT":
            self._fault(f"{sql} NOT BETWEEN -{LARGEST_MINOR} AND {LARGEST_MINOR}", label, "is beyond 10^13 minor units")
        if target.key in LARGEST:
            self._fault(f"{sql} > {LARGEST[target.key]}", label, f"is beyond {LARGEST[target.key]:,}")
        if target.key in NOT_NEGATIVE:
            self._fault(f"{sql} < 0", label, "must not be negative")
        if target.key in DIVIDING:
            other, value, whole = DIVIDING[target.key]
            divided = f"{dict(self.outputs)[other]} <> {quote(value)} AND {sql} <> {quote(whole)}"
            self._fault(divided, label, f"divides a {other} other than {value}")
        if not target.nullable and target.type != "VARCHAR[]" and source.constant is None:
            self._fault(f"{sql} IS NULL", label, "is empty")

    def _fault(self, condition: str, column: str, reason: str) -> None:
        condition = f"{self._guard} AND ({condition})" if self._guard else condition
        self.faults.append(Fault(condition, column, reason))

    def _parsed(self, sql: str) -> str:
        """The name of a value in the middle layer; the same SQL is computed once."""
        if sql not in self.values:
            self.values.append(sql)
        return f"v{self.values.index(sql)}"

    def _value(self, target: Target, source: Source) -> str:
        if source.when is not None:
            return self._flags(source)
        if source.constant is not None:
            return self._constant(target, source)
        if source.concat is not None:
            return self._of_text(target, source, self._shaped(source, self._together(target, source.concat)))
        if source.column is None:
            return self._derived(target, source)
        return self._of_text(target, source, self._text(source))

    def _together(self, target: Target, parts: Sequence[Source]) -> str:
        """Texts one after the other; what they give together is read as the column's value."""
        text = replace(target, name=f"{target.name} ", type="VARCHAR")
        return self._parsed(" || ".join(self._value(text, part) for part in parts))

    def _derived(self, target: Target, source: Source) -> str:
        """A value that is made from others, each of them a value of the same column."""
        if source.cases is not None:
            return self._chosen(target, source)
        parts = [self._value(target, part) for _, part in source.parts()]
        if source.first_of is not None:
            sql = f"coalesce({', '.join(parts)})"
        else:
            sql = f"({(' + ' if source.sum is not None else ' - ').join(parts)})"
        return self._finished(target, source, self._parsed(sql))

    def _chosen(self, target: Target, source: Source) -> str:
        """The value of the first case that holds; a text that only another case would read is no fault."""
        whens: list[str] = []
        values_: list[str] = []
        for case in source.cases or ():
            guard, condition = self._guard, self.conditions(case.when)
            earlier = [f"NOT ({when})" for when in whens]
            self._guard = " AND ".join([*([guard] if guard else []), f"({condition})", *earlier])
            values_.append(self._value(target, case.then))
            whens.append(condition)
            self._guard = guard
        cases = " ".join(f"WHEN {when} THEN {value}" for when, value in zip(whens, values_, strict=True))
        return self._finished(target, source, self._parsed(f"CASE {cases} END"))

    def _finished(self, target: Target, source: Source, value: str) -> str:
        if target.type == "VARCHAR":
            return self._of_text(target, source, self._shaped(source, value))
        return self._later(source, value) if target.type == "DATE" else self._signed(source, value)

    def _text(self, source: Source) -> str:
        """The column's text, after everything that the source does to texts."""
        column = self.resolve(source.column or "")
        if source.empty:
            empty = ", ".join(quote(text) for text in source.empty)
            column = self._parsed(f"CASE WHEN {column} NOT IN ({empty}) THEN {column} END")
        return self._shaped(source, column)

    def _shaped(self, source: Source, column: str) -> str:
        if source.characters:
            first, last = source.characters
            column = self._parsed(f"nullif(trim(substring({column}, {first}, {last - first + 1})), '')")
        if source.strip_left:
            column = self._parsed(f"nullif(ltrim({column}, {quote(source.strip_left)}), '')")
        return self._parsed(f"{source.case}({column})") if source.case else column

    def _of_text(self, target: Target, source: Source, column: str) -> str:
        if source.codes is not None:
            return self._coded(target, source, column)
        if target.key == ("parties", "gender") and source.women_month_plus is not None:
            format_ = source.format or "YYYYMMDD"
            return self._read(values.gender(source, column), source, column, f"is not in the form {format_}")
        if source.sign == "direction":
            return self._read(values.direction(source, column), source, column, "is not an amount")
        return self._typed(target.type, source, column)

    def _typed(self, type_: str, source: Source, column: str) -> str:
        match type_:
            case "DATE":
                words = f"is not a date in the form {source.format or 'YYYY-MM-DD'}"
                return self._later(source, self._read(values.date(source, column), source, column, words))
            case "TIMESTAMPTZ":
                words = f"is not a moment in the form {values.moment_words(source)}"
                return self._read(values.moment(source, column), source, column, words)
            case "BIGINT":
                places = 2 if source.places is None else source.places
                words = f"is not {values.amount_words(source, places)}"
                return self._signed(source, self._read(values.amount(source, column, places), source, column, words))
            case "INTEGER":
                return self._read(values.integer(source, column), source, column, "is not a whole number")
            case "DOUBLE":
                return self._read(values.double(source, column), source, column, "is not a number")
            case "BOOLEAN" if source.present:
                return f"({column} IS NOT NULL)"
            case "BOOLEAN":
                return self._read(values.boolean(column), source, column, "is neither true nor false")
        return column

    def _read(self, sql: str, source: Source, column: str, reason: str) -> str:
        """A parsed value; a text that gives none is a fault."""
        value = self._parsed(sql)
        self._fault(f"{column} IS NOT NULL AND {value} IS NULL", label_of(source) or "", reason)
        return value

    def _later(self, source: Source, value: str) -> str:
        for name, (unit, farthest) in _FARTHEST.items():
            if (later := getattr(source, name)) is None:
                continue
            number = self._value(Target("", name, "INTEGER", True), later)
            label = label_of(later) or name
            self._fault(f"{number} NOT BETWEEN 0 AND {farthest}", label, f"is more than {farthest}, or negative")
            number = f"CASE WHEN {number} BETWEEN 0 AND {farthest} THEN {number} END"
            value = self._parsed(f"CAST({value} + {unit}({number}) AS DATE)")
        return value

    def _signed(self, source: Source, value: str) -> str:
        if source.negative is not None:
            value = self._parsed(f"CASE WHEN {self.conditions(source.negative)} THEN -abs({value}) ELSE {value} END")
        return f"abs({value})" if source.sign == "absolute" else value

    def _constant(self, target: Target, source: Source) -> str:
        text = source.constant
        if isinstance(text, bool) or target.type in ("VARCHAR", "BOOLEAN"):
            return values.literal(text)
        return self._typed(target.type, source, quote(str(text)))

    def _coded(self, target: Target, source: Source, column: str) -> str:
        codes = source.codes or {}
        default = values.literal(source.otherwise) if source.otherwise is not None else f"NULL::{target.type}"
        cases = " ".join(f"WHEN {quote(code)} THEN {values.literal(value)}" for code, value in codes.items() if code)
        blank = f"WHEN {column} IS NULL THEN {values.literal(codes.get(''))}"
        coded = f"CASE {column} {cases} ELSE {default} END" if cases else default
        value = self._parsed(f"CASE {blank} ELSE {coded} END")
        if "otherwise" not in source.model_fields_set:
            known = ", ".join(quote(code) for code, given in codes.items() if code and given is None)
            unknown = f"{column} IS NOT NULL AND {value} IS NULL" + (f" AND {column} NOT IN ({known})" if known else "")
            self._fault(unknown, label_of(source) or "", "is an unknown code")
        return value

    def _flags(self, source: Source) -> str:
        tests = [(self.conditions(conditions), quote(flag)) for flag, conditions in (source.when or {}).items()]
        # Nearly every row has no flag: the list is built only where one is set.
        any_set = " OR ".join(f"({test})" for test, _ in tests)
        flags = ", ".join(f"CASE WHEN {test} THEN {flag} END" for test, flag in tests)
        filtered = f"list_filter([{flags}], lambda flag: flag IS NOT NULL)"
        return self._parsed(f"CASE WHEN {any_set} THEN {filtered} ELSE []::VARCHAR[] END")


def _written_in_the_mapping(source: Source) -> bool:
    """Whether every value is one that the mapping itself gives: those were checked when it was loaded."""
    if source.constant is not None or source.codes is not None:
        return True
    parts = [part for _, part in source.parts()] if source.concat is None else []
    return bool(parts) and all(map(_written_in_the_mapping, parts))


def label_of(source: Source) -> str | None:
    """The source column that a fault of the value is reported under."""
    if source.column is not None:
        return source.column
    labels = [label_of(part) for _, part in source.parts()]
    return next((label for label in labels if label), None)
