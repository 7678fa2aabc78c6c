"""The SQL of one column: from the texts of the extract to a typed value, and every way in which that can fail.

Three layers, so that nothing is computed twice: `c…` are the trimmed source columns (NULL where empty), `v…` the values
parsed from them, and on top the dataset's columns and the number of the first fault.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from attune_contracts.identifiers import uuid8_sql
from attune_service_kit.files.formats import has, pattern, piece
from attune_service_kit.files.mapping import Source
from attune_service_kit.files.targets import (
    ALLOWED,
    DEFAULTS,
    DIVIDING,
    LARGEST_MINOR,
    NOT_NEGATIVE,
    OWN_ID,
    PATTERNS,
    REFERENCES,
    Target,
)
from attune_service_kit.lake_sql import quote

_ISO_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_OFFSET = r"(Z|[+-][0-9]{2}(:[0-9]{2})?)"
_EARLIEST, _LATEST = "1900-01-01", "2100-12-31"


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

    def add(self, target: Target, source: Source | None) -> None:
        """Add one column of the dataset."""
        if source is None:
            self.outputs.append((target.name, DEFAULTS.get(target.key, f"NULL::{target.type}")))
            return
        sql = self._value(target, source)
        label = _label(source) or target.name
        self._check(target, sql, label)
        if target.name in REFERENCES:
            sql = self._identifier(REFERENCES[target.name], sql)
        self.outputs.append((target.name, sql))
        if target.key[1] == "source_id" and target.dataset in OWN_ID:
            name, kind = OWN_ID[target.dataset]
            self.outputs.append((name, self._identifier(kind, sql)))

    def _identifier(self, kind: str, sql: str) -> str:
        # NULL gives NULL. Without a CASE around it DuckDB computes the repeated digest once.
        return uuid8_sql(quote(self.source), quote(kind), sql)

    def _check(self, target: Target, sql: str, label: str) -> None:
        """Faults of the value, whatever it was made from."""
        if target.type == "VARCHAR":
            self._fault(f"length({sql}) > {target.longest}", label, f"is longer than {target.longest} characters")
            if target.key in ALLOWED:
                allowed = ", ".join(quote(value) for value in ALLOWED[target.key])
                self._fault(f"{sql} NOT IN ({allowed})", label, f"is none of {', '.join(ALLOWED[target.key])}")
            if target.key in PATTERNS:
                form, words = PATTERNS[target.key]
                self._fault(f"NOT regexp_full_match({sql}, {quote(form)})", label, f"is not {words}")
        elif target.type in ("DATE", "TIMESTAMPTZ"):
            late = f"(DATE '{_LATEST}' + 1)" if target.type == "TIMESTAMPTZ" else f"DATE '{_LATEST}'"
            outside = f"{sql} NOT BETWEEN DATE '{_EARLIEST}' AND {late}"
            self._fault(outside, label, "lies outside 1900 to 2100")
        elif target.type == "BIGINT":
            self._fault(f"{sql} NOT BETWEEN -{LARGEST_MINOR} AND {LARGEST_MINOR}", label, "is beyond 10^13 minor units")
        if target.key in NOT_NEGATIVE:
            self._fault(f"{sql} < 0", label, "must not be negative")
        if target.key in DIVIDING:
            other, value, whole = DIVIDING[target.key]
            divided = f"{dict(self.outputs)[other]} <> {quote(value)} AND {sql} <> {quote(whole)}"
            self._fault(divided, label, f"divides a {other} other than {value}")
        if not target.nullable and target.type != "VARCHAR[]":
            self._fault(f"{sql} IS NULL", label, "is empty")

    def _fault(self, condition: str, column: str, reason: str) -> None:
        self.faults.append(Fault(condition, column, reason))

    def _parsed(self, sql: str) -> str:
        self.values.append(sql)
        return f"v{len(self.values) - 1}"

    def _value(self, target: Target, source: Source) -> str:
        if source.first_of is not None:
            return f"coalesce({', '.join(self._value(target, alternative) for alternative in source.first_of)})"
        if source.when is not None:
            return self._flags(source)
        if source.column is None:
            return self._constant(target, source)
        column = self.resolve(source.column)
        if source.empty:
            empty = ", ".join(quote(text) for text in source.empty)
            column = self._parsed(f"CASE WHEN {column} NOT IN ({empty}) THEN {column} END")
        if source.codes is not None:
            return self._coded(target, source, column)
        if target.key == ("parties", "gender") and source.women_month_plus is not None:
            return self._gender(source, column)
        if source.sign == "direction":
            number = _number(source, column, 4)
            direction = f"CASE WHEN {column}[1] = '-' THEN 'debit' ELSE 'credit' END"
            return self._read(f"CASE WHEN {number} THEN {direction} END", source, column, "is not an amount")
        reader = self._readers().get(target.type)
        return reader(source, column) if reader else column

    def _readers(self) -> dict[str, Callable[[Source, str], str]]:
        return {
            "DATE": self._date,
            "TIMESTAMPTZ": self._moment,
            "BIGINT": self._amount,
            "INTEGER": self._integer,
            "DOUBLE": self._decimal,
            "BOOLEAN": self._boolean,
        }

    def _read(self, sql: str, source: Source, column: str, reason: str) -> str:
        """A parsed value; a text that gives none is a fault."""
        value = self._parsed(sql)
        self._fault(f"{column} IS NOT NULL AND {value} IS NULL", source.column or "", reason)
        return value

    def _constant(self, target: Target, source: Source) -> str:
        literal = source.constant
        if isinstance(literal, bool):
            return str(literal).lower()
        if target.type == "VARCHAR":
            return quote(str(literal))
        return self._readers()[target.type](source, quote(str(literal)))

    def _coded(self, target: Target, source: Source, column: str) -> str:
        codes = source.codes or {}
        default = _literal(source.otherwise) if source.otherwise is not None else f"NULL::{target.type}"
        cases = " ".join(f"WHEN {quote(code)} THEN {_literal(value)}" for code, value in codes.items() if code)
        blank = f"WHEN {column} IS NULL THEN {_literal(codes.get(''))}"
        coded = f"CASE {column} {cases} ELSE {default} END" if cases else default
        value = self._parsed(f"CASE {blank} ELSE {coded} END")
        if "otherwise" not in source.model_fields_set:
            known = ", ".join(quote(code) for code, given in codes.items() if code and given is None)
            unknown = f"{column} IS NOT NULL AND {value} IS NULL" + (f" AND {column} NOT IN ({known})" if known else "")
            self._fault(unknown, source.column or "", "is an unknown code")
        return value

    def _flags(self, source: Source) -> str:
        tests = []
        for flag, condition in (source.when or {}).items():
            values = ", ".join(quote(value) for value in condition.equals)
            tests.append((f"{self.resolve(condition.column)} IN ({values})", quote(flag)))
        # Nearly every row has no flag: the list is built only where one is set.
        any_set = " OR ".join(f"({test}) IS TRUE" for test, _ in tests)
        flags = ", ".join(f"CASE WHEN {test} THEN {flag} END" for test, flag in tests)
        filtered = f"list_filter([{flags}], lambda flag: flag IS NOT NULL)"
        return self._parsed(f"CASE WHEN {any_set} THEN {filtered} ELSE []::VARCHAR[] END")

    def _gender(self, source: Source, column: str) -> str:
        format_, plus = source.format or "YYYYMMDD", source.women_month_plus or 0
        month = f"TRY_CAST({piece(column, format_, 'MM')} AS INTEGER)"
        gender = (
            f"CASE WHEN {month} BETWEEN {plus + 1} AND {plus + 12} THEN 'female' WHEN {month} <= 12 THEN 'male' END"
        )
        matched = f"regexp_full_match({column}, {quote(pattern(format_))})"
        return self._read(f"CASE WHEN {matched} THEN {gender} END", source, column, f"is not in the form {format_}")

    def _date(self, source: Source, column: str) -> str:
        format_ = source.format or "YYYY-MM-DD"
        sql = f"TRY_CAST(CASE WHEN {_matches(column, format_)} THEN {_iso_date(source, column, format_)} END AS DATE)"
        return self._read(sql, source, column, f"is not a date in the form {format_}")

    def _moment(self, source: Source, column: str) -> str:
        if source.format is not None:
            clock = [piece(column, source.format, t) if has(source.format, t) else "'00'" for t in ("hh", "mm", "ss")]
            day = _iso_date(source, column, source.format)
            text, matched, words = f"{day} || ' ' || {' || chr(58) || '.join(clock)}", "", source.format
            matched = _matches(column, source.format)
        else:
            offset = "" if source.zone else _OFFSET
            text, words = column, "YYYY-MM-DDThh:mm:ss" + ("" if source.zone else "+hh:mm")
            matched = f"regexp_full_match({column}, {quote(_ISO_MOMENT + offset)})"
        guarded = f"CASE WHEN {matched} THEN {text} END"
        local = source.zone or ("UTC" if source.format else None)
        if local:
            sql = f"TRY_CAST({guarded} AS TIMESTAMP) AT TIME ZONE {quote(local)}"
        else:
            sql = f"TRY_CAST({guarded} AS TIMESTAMPTZ)"
        return self._read(sql, source, column, f"is not a moment in the form {words}")

    def _amount(self, source: Source, column: str) -> str:
        places = 2 if source.places is None else source.places
        matched = _number(source, column, places)
        sql = f"TRY_CAST(CASE WHEN {matched} THEN {_plain(source, column)} END AS DECIMAL(18, {places}))"
        value = self._read(sql, source, column, f"is not an amount with at most {places} decimal places")
        if source.sign == "absolute":
            value = f"abs({value})"
        return f"CAST({value} * {10**places} AS BIGINT)"

    def _integer(self, source: Source, column: str) -> str:
        sql = f"TRY_CAST(CASE WHEN regexp_full_match({column}, '[0-9]{{1,9}}') THEN {column} END AS INTEGER)"
        return self._read(sql, source, column, "is not a whole number")

    def _decimal(self, source: Source, column: str) -> str:
        sql = f"TRY_CAST(CASE WHEN {_number(source, column, 9)} THEN {_plain(source, column)} END AS DOUBLE)"
        return self._read(sql, source, column, "is not a number")

    def _boolean(self, source: Source, column: str) -> str:
        if source.present:
            return f"({column} IS NOT NULL)"
        sql = (
            f"CASE WHEN lower({column}) IN ('true', '1', 'y', 'yes') THEN true"
            f" WHEN lower({column}) IN ('false', '0', 'n', 'no') THEN false END"
        )
        return self._read(sql, source, column, "is neither true nor false")


def _matches(column: str, format_: str) -> str:
    return f"regexp_full_match({column}, {quote(pattern(format_))})"


def _iso_date(source: Source, column: str, format_: str) -> str:
    if has(format_, "YYYY"):
        year = piece(column, format_, "YYYY")
    else:
        year = f"'{(source.century or 1900) // 100}' || {piece(column, format_, 'YY')}"
    month = piece(column, format_, "MM")
    if source.women_month_plus:
        number, plus = f"TRY_CAST({month} AS INTEGER)", source.women_month_plus
        month = f"CASE WHEN {number} > {plus} THEN lpad(CAST({number} - {plus} AS VARCHAR), 2, '0') ELSE {month} END"
    return f"{year} || '-' || ({month}) || '-' || {piece(column, format_, 'DD')}"


def _number(source: Source, column: str, places: int) -> str:
    """Whether the text is a number whose value has at most that many places: nothing is ever rounded."""
    whole = f"[0-9]{{1,{18 - places}}}"
    if source.thousands:
        mark = "\\" + source.thousands
        whole = f"([0-9]{{1,3}}({mark}[0-9]{{3}}){{1,5}}|{whole})"
    fraction = f"(\\{source.decimal}[0-9]{{0,{places}}}0*)?"
    return f"regexp_full_match({column}, {quote(f'[+-]?{whole}{fraction}')})"


def _plain(source: Source, column: str) -> str:
    """The number's text as DuckDB reads it: a decimal point, and no marks between thousands."""
    text = f"replace({column}, {quote(source.thousands)}, '')" if source.thousands else column
    return f"replace({text}, ',', '.')" if source.decimal == "," else text


def _literal(value: str | bool | None) -> str:
    if value is None:
        return "NULL"
    return str(value).lower() if isinstance(value, bool) else quote(value)


def _label(source: Source) -> str | None:
    """The source column that a fault of the value is reported under."""
    if source.column is not None:
        return source.column
    labels = [_label(alternative) for alternative in source.first_of or ()]
    return next((label for label in labels if label), None)
