"""SQL that turns one text of the extract into a typed value, or into NULL if it is none: nothing is ever guessed.

Pure: every function gives an expression over the name of a column of texts.
"""

from attune_service_kit.files.formats import has, pattern, piece
from attune_service_kit.files.sources import Source
from attune_service_kit.lake_sql import quote

_ISO_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_OFFSET = r"(Z|[+-][0-9]{2}(:[0-9]{2})?)"
_STRPTIME = {"YYYY": "%Y", "MM": "%m", "DD": "%d"}
# How many decimal places an amount gains when its unit is written out; the smallest coin has none to lose.
_UNITS = {"one": 0, "thousand": 3, "ten_thousand": 4, "million": 6, "hundred_million": 8}


def date(source: Source, column: str) -> str:
    """A date in the source's format."""
    format_ = source.format or "YYYY-MM-DD"
    if has(format_, "YYYY") and not source.women_month_plus and not any(has(format_, t) for t in ("hh", "mm", "ss")):
        written = format_
        for token, code in _STRPTIME.items():
            written = written.replace(token, code)
        return f"CAST(try_strptime(CASE WHEN {matches(column, format_)} THEN {column} END, {quote(written)}) AS DATE)"
    return f"TRY_CAST(CASE WHEN {matches(column, format_)} THEN {_iso_date(source, column, format_)} END AS DATE)"


def moment(source: Source, column: str) -> str:
    """A moment in the source's format, or in ISO's form with an offset."""
    if source.format is not None:
        clock = [piece(column, source.format, t) if has(source.format, t) else "'00'" for t in ("hh", "mm", "ss")]
        text = f"{_iso_date(source, column, source.format)} || ' ' || {' || chr(58) || '.join(clock)}"
        matched = matches(column, source.format)
    else:
        text, matched = column, f"regexp_full_match({column}, {quote(_ISO_MOMENT + ('' if source.zone else _OFFSET))})"
        if not source.zone:
            # The usual form, looked at the quick way; the cast below checks the digits.
            matched = f"({column} LIKE '____-__-__T__:__:__+__:__' OR {matched})"
    guarded = f"CASE WHEN {matched} THEN {text} END"
    local = source.zone or ("UTC" if source.format else None)
    if local:
        return f"TRY_CAST({guarded} AS TIMESTAMP) AT TIME ZONE {quote(local)}"
    return f"TRY_CAST({guarded} AS TIMESTAMPTZ)"


def moment_words(source: Source) -> str:
    """The form that a moment must have."""
    return source.format or "YYYY-MM-DDThh:mm:ss" + ("" if source.zone else "+hh:mm")


def amount(source: Source, column: str, places: int) -> str:
    """An amount in minor units; `places` are the currency's own."""
    shift = 0 if source.unit == "minor" else places + _UNITS[source.unit]
    number = f"TRY_CAST(CASE WHEN {is_number(source, column, shift)} THEN {plain(source, column)} END"
    return f"CAST({number} AS DECIMAL(18, {shift})) * {10**shift} AS BIGINT)"


def amount_words(source: Source, places: int) -> str:
    """What an amount must be."""
    if source.unit == "minor":
        return "a whole number of the smallest coin"
    return f"an amount with at most {places + _UNITS[source.unit]} decimal places"


def integer(source: Source, column: str) -> str:
    """A whole number of at most nine digits."""
    fitting = f"regexp_full_match({plain(source, column)}, '-?[0-9]{{1,9}}')"
    return f"TRY_CAST(CASE WHEN {fitting} THEN {plain(source, column)} END AS INTEGER)"


def double(source: Source, column: str) -> str:
    """A number with a fraction."""
    return f"TRY_CAST(CASE WHEN {is_number(source, column, 9)} THEN {plain(source, column)} END AS DOUBLE)"


def boolean(column: str) -> str:
    """A truth value."""
    return (
        f"CASE WHEN lower({column}) IN ('true', '1', 'y', 'yes') THEN true"
        f" WHEN lower({column}) IN ('false', '0', 'n', 'no') THEN false END"
    )


def direction(source: Source, column: str) -> str:
    """Credit or debit, from an amount's sign."""
    debit = {
        "leading": f"starts_with({column}, '-')",
        "trailing": f"suffix({column}, '-')",
        "brackets": f"starts_with({column}, '(')",
    }[source.minus]
    # The amount itself is checked where it is read; here the quick way will do.
    number = f"TRY_CAST({plain(source, column)} AS DOUBLE) IS NOT NULL"
    return f"CASE WHEN {number} THEN CASE WHEN {debit} THEN 'debit' ELSE 'credit' END END"


def gender(source: Source, column: str) -> str:
    """From a birth date whose month says it."""
    format_, plus = source.format or "YYYYMMDD", source.women_month_plus or 0
    month = f"TRY_CAST({piece(column, format_, 'MM')} AS INTEGER)"
    female = f"{month} BETWEEN {plus + 1} AND {plus + 12}"
    sql = f"CASE WHEN {female} THEN 'female' WHEN {month} BETWEEN 1 AND 12 THEN 'male' END"
    return f"CASE WHEN {matches(column, format_)} THEN {sql} END"


def matches(column: str, format_: str) -> str:
    """Whether a text has the format's form."""
    return f"regexp_full_match({column}, {quote(pattern(format_))})"


def is_number(source: Source, column: str, places: int) -> str:
    """Whether the text is a number whose value has at most that many places: nothing is ever rounded."""
    whole = f"[0-9]{{1,{18 - places}}}"
    if source.thousands:
        mark = "\\" + source.thousands
        whole = f"([0-9]{{1,3}}({mark}[0-9]{{3}}){{1,5}}|{whole})"
    number = whole + f"(\\{source.decimal}[0-9]{{0,{places}}}0*)?"
    signed = {"leading": f"[+-]?{number}", "trailing": f"{number}[+-]?", "brackets": rf"({number}|\({number}\))"}
    return f"regexp_full_match({column}, {quote(signed[source.minus])})"


def plain(source: Source, column: str) -> str:
    """The number's text as DuckDB reads it: sign first, a decimal point, no marks between thousands."""
    text = f"replace({column}, {quote(source.thousands)}, '')" if source.thousands else column
    text = f"replace({text}, ',', '.')" if source.decimal == "," else text
    if source.minus == "trailing":
        return f"CASE WHEN suffix({text}, '-') THEN '-' || rtrim({text}, '-') ELSE rtrim({text}, '+') END"
    if source.minus == "brackets":
        return f"CASE WHEN starts_with({text}, '(') THEN '-' || trim({text}, '()') ELSE {text} END"
    return text


def literal(value: str | bool | None) -> str:
    """A constant of the mapping."""
    if value is None:
        return "NULL"
    return str(value).lower() if isinstance(value, bool) else quote(value)


def _iso_date(source: Source, column: str, format_: str) -> str:
    if has(format_, "YYYY"):
        year = piece(column, format_, "YYYY")
    else:
        first = source.century or 1900
        short = piece(column, format_, "YY")
        year = f"'{first // 100}' || {short}"
        if first % 100:
            later = f"'{first // 100 + 1}' || {short}"
            year = f"CASE WHEN {short} >= '{first % 100:02d}' THEN {year} ELSE {later} END"
    month = piece(column, format_, "MM")
    if source.women_month_plus:
        number, plus = f"TRY_CAST({month} AS INTEGER)", source.women_month_plus
        month = f"CASE WHEN {number} > {plus} THEN lpad(CAST({number} - {plus} AS VARCHAR), 2, '0') ELSE {month} END"
    return f"({year}) || '-' || ({month}) || '-' || {piece(column, format_, 'DD')}"
