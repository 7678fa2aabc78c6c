"""The page docs/reference/conditions.md: the language in short, why a text may be refused, every field. Pure."""

from collections.abc import Iterator, Mapping

from attune_expressions.catalogue import Catalogue
from attune_expressions.text_scan import LONGEST
from attune_expressions.token_scan import DEEPEST, MOST_TOKENS
from attune_expressions.words import FUNCTIONS

CODES = {
    "arguments": "a function with too few, too many or other arguments",
    "bad_character": "a character that stands for nothing outside quotes, or is not seen; the likely one is named",
    "bad_token": "a word or sign where none such stands",
    "chained": "a comparison of a comparison without parentheses",
    "clock": "the present is asked for; a day is a field: `as_of` of the features, `business_date` of a fact",
    "comment": "comments",
    "date_form": "a date or moment in another form, or none of the calendar",
    "empty": "no condition at all",
    "empty_list": "nothing between parentheses",
    "interval_form": "an interval in another form or place",
    "like_form": "a pattern that is no constant, or a backslash without ESCAPE",
    "list_form": "IN over something else than constants",
    "not_admitted": "what the language does not have",
    "null_compared": "`= NULL`",
    "null_in_list": "NULL in a list: NOT IN would never match",
    "number_form": "a number in another form, or with too many digits",
    "open_quote": "a quote that is not closed",
    "syntax": "what cannot be read",
    "too_deep": f"nested or chained more than {DEEPEST} deep",
    "too_large": "a result that could leave what is exact, whatever the row",
    "too_long": f"more than {LONGEST} bytes",
    "too_many_tokens": f"more than {MOST_TOKENS} words and signs",
    "type_mismatch": "types that do not go together",
    "unary_plus": "a plus with nothing before it",
    "unbalanced": "parentheses, CASE and END that do not pair",
    "unit_mismatch": "money beside a number that is none",
    "unknown_field": "a name that no field has; the nearest is named",
    "unknown_function": "a function that there is not",
    "unknown_parameter": "a `:name` that is not declared",
    "zero_divisor": "a division by the constant 0",
}
"""Every code of a refusal and when it is given."""

_LANGUAGE = """
A condition is a text in SQL's words that is TRUE, FALSE or NULL of one row; it matches where it is TRUE. It is
read once, when it is saved, into a small typed tree; what runs, on one row, on many, in DuckDB, PostgreSQL or
Spark, is made from the tree, so the answer is the same everywhere. A text that is not wholly understood is refused
with its line, column and reason; nothing fails later.

    amount > 1.1 * aum AND (age BETWEEN 18 AND 65 OR has_tag('vip')) AND channel IS NOT NULL

- **Truths**: `AND OR NOT`, `= <> < <= > >=`, `BETWEEN`, `IN (…)` over constants, `IS [NOT] NULL`, `IS [NOT] TRUE`,
  `LIKE` with a constant pattern, `has_tag('…')`. NULL is what is not known: `x > 3` is NULL where x is, and NOT of
  it too.
- **Money** goes with money: `50000.50` beside money means that amount, `1.1 * amount` is money, `amount / aum` a
  ratio, `amount > age` is refused. Sums and products of whole numbers and money are exact, whatever the decimals.
- **`/`** is a division of doubles and NULL where the divisor is 0; `%` is for whole numbers by a constant and has
  the sign of the dividend; `round(x, n)` rounds half away from zero.
- **Texts** are compared by code point; there is no case folding, no regular expression, no concatenation.
- **Dates**: `opened + 30`, `opened + INTERVAL 3 MONTH` (clamped to the month's end), `days_between(earlier,
  later)`, `year month day isodow` (Monday is 1); a bare `'2024-02-29'` beside a date is a date. Moments are in UTC
  and take `SECOND` to `DAY`.
- **Choices**: `CASE WHEN … THEN … ELSE … END`, `coalesce`; `greatest` and `least` pass over NULL.
- **Parameters** `:name` are declared with a type and get their values before anything runs.
""".strip()
_FIELDS = """
What a condition may read depends on where it stands: a trigger's, the facts that it listens to
([fields of facts](triggers.md#fields-of-facts)); an offer's, what is known of the customer when it is decided. The
features of a customer are in the catalogue for models and for those who use the library; no trigger and no offer reads
them. A condition reports the fields it reads and their highest level (JR/T 0171). No row holds a value beyond "at
most": minor units for money, the length for a text, days or seconds from 1970 for a date or moment.
""".strip()
_OWN = """
A bank gives names of its own to what its codes mean, once, and conditions read them as they read any other field. Each
says by `is` what it is, in this language over the fields that are there. Data that no dataset has cannot be brought in
so.

```yaml
fields:
  - name: payroll
    type: bool
    grain: posting
    zh: 代发工资
    en: Payroll credit
    is: direction = 'credit' AND kind IN ('salary', 'bonus', 'pension')
    owner: retail banking
    purpose: flow
  - name: spare
    type: money
    grain: customer
    zh: 可投资余额
    en: Balance beyond a reserve
    is: greatest(balance - 20000, 0)
```

The folder's `*.yaml` are read when a service starts: `ATTUNE_FIELDS_FOLDER` of `attune up`, `EVENTING_FIELDS_FOLDER`
and `CAMPAIGN_FIELDS_FOLDER` of the services. A service with a faulty file does not start: every fault is told with
file, line and reason.

| key | values |
|---|---|
| `name`, `zh`, `en` | as it is written, and its labels; no field of Attune's and no word of the language |
| `type` | `bool`, `int`, `money`, `float`, `text`, `date`, `ts`: what `is` gives |
| `is` | a condition or a value; it reads one field at least, and none of the bank's own |
| `grain` | `posting` (default), `event` (a behaviour, a date): read by triggers; `customer`: read by offers |
| `level` | `C1`, `C2` (default): not below what it reads |
| `meaning`, `unit`, `owner`, `freshness`, `purpose` | for people, in words |

A version of a trigger or of an offer keeps the fields that it reads as they were when it was saved (`fields`): what it
says does not change with the folder, is approved with it, and is among the differences of two versions. A trigger file
may bring such a list itself; it goes before the folder's. Explanations tell what a field stands for.
""".strip()
_HEAD = ("名称", "label", "type", "unit", "at most", "NULL", "of each", "owner", "level", "purpose", "fresh", "meaning")


def page(catalogues: Mapping[str, Catalogue]) -> str:
    """The page's text; each catalogue under its heading."""
    return "\n".join(_lines(catalogues)) + "\n"


def _lines(catalogues: Mapping[str, Catalogue]) -> Iterator[str]:
    yield from ("# Conditions", "", *_LANGUAGE.splitlines(), "")
    yield f"Functions: {', '.join(f'`{name}`' for name in FUNCTIONS)}."
    yield from ("", "## Refusals", "", "| code | given for |", "|---|---|")
    yield from (f"| `{code}` | {meaning} |" for code, meaning in sorted(CODES.items()))
    yield from ("", "## A bank's own fields", "", *_OWN.splitlines())
    yield from ("", "## Fields", "", *_FIELDS.splitlines())
    for heading, catalogue in catalogues.items():
        yield from ("", f"### {heading}", "")
        yield from _table(catalogue)


def _table(catalogue: Catalogue) -> Iterator[str]:
    yield from (_row("field", *_HEAD), _row(*["---"] * (len(_HEAD) + 1)))
    for field in catalogue.fields.values():
        most = f"{field.shape.bound:,.0f}" if field.shape.bound else ""
        may = "yes" if field.nullable else ""
        about = (field.grain, field.owner, field.level, field.purpose, field.freshness, field.meaning)
        yield _row(f"`{field.name}`", field.zh, field.en, field.type, field.unit, most, may, *about)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
