"""What a backtest has found, as tables for the terminal. Texts of the bank stand there as they are, never as markup."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from attune.backtests.texts import WEEKDAYS

# So many rows of a table are shown; the JSON has all.
SHOWN = 31
_TOP = 12


def tables(result: dict[str, Any]) -> Iterator[Table]:
    """Everything that the result tells, the days first."""
    title = f"{result['trigger']}, {result['from']} to {result['to']}"
    if "against" in result:
        yield from _side_by_side(result, result["against"])
    yield _table(title, ("day", "detections"), list(result["per_day"].items())[-SHOWN:])
    yield _table("by month", ("month", "detections"), list(result["by_month"].items())[-SHOWN:])
    yield _table("by day of the week", ("day", "detections"), [(day, result["by_weekday"][day]) for day in WEEKDAYS])
    branches = [(one["branch"] or "none", one["name"] or "", *_counts(one)) for one in result["by_branch"][:_TOP]]
    yield _table("by branch", ("branch", "name", *_COUNTS), branches)
    segments = result["by_segment"]
    if segments["known"]:
        parts = [(f"{one['segment']}: {one['value']}", *_counts(one)) for one in segments["parts"][:SHOWN]]
        yield _table(f"by segment of the day, customers as of {segments['as_of']}", ("segment", *_COUNTS), parts)
    if result["overlap"]["triggers"]:
        yield _overlap(result["overlap"])
    if result["managers"]["known"]:
        yield _managers(result["managers"])


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """What could not be told, and what the managers' figures come to."""
    managers = result["managers"]
    yield (
        f"at most {managers['most_a_day']:,} a day; {managers['needed']:,} relationship managers with"
        f" {managers['capacity']} a day could have acted on 95 days of 100"
    )
    if managers["known"]:
        yield (
            f"{managers['managers']:,} managers, {managers['mean_a_day']} a manager and day;"
            f" beyond capacity {managers['beyond']:,} detections on {managers['days_over']:,} days of a manager;"
            f" {managers['without_manager']:,} detections without a manager"
        )
    if later := result["by_segment"].get("told_later"):
        yield f"{later:,} detections lie before the first snapshot of segments: that one tells whose they are"
    for part in (managers, result["by_segment"]):
        if not part["known"]:
            yield str(part["en"])


def label(one: dict[str, Any]) -> str:
    """What was tried: the trigger with its version, or the file."""
    return f"{one['trigger']}@{one['version']}" if one["version"] is not None else f"{one['trigger']} (file)"


PARTS = {"both": "both", "only_this": "only the first", "only_other": "only the second"}


def _side_by_side(result: dict[str, Any], other: dict[str, Any]) -> Iterator[Table]:
    customers = other["customers"]
    rows: list[tuple[Any, ...]] = [
        (f"first: {label(result)}", result["detections"], result["subjects"]),
        (f"second: {label(other)}", other["detections"], other["subjects"]),
        *((words, other[name], customers[name]) for name, words in PARTS.items()),
    ]
    yield _table("two side by side", ("", "detections", "customers"), rows)
    months = sorted({*result["by_month"], *other["by_month"]})[-SHOWN:]
    both = [(month, result["by_month"].get(month, 0), other["by_month"].get(month, 0)) for month in months]
    yield _table("by month", ("month", "first", "second"), both)
    examples = [
        (words, one["date"], one["customer_id"], one["account_id"] or "", one.get("amount", ""), one["event_key"])
        for name, words in PARTS.items()
        for one in other["examples"][name]
    ]
    yield _table("the first of each", ("found by", "day", "customer", "account", "amount", "event"), examples)


_COUNTS = ("detections", "customers with one", "of customers")


def _counts(one: dict[str, Any]) -> tuple[int, int, int]:
    return one["detections"], one["subjects"], one["customers"]


def _overlap(overlap: dict[str, Any]) -> Table:
    rows = [(one["trigger"], one["detections"], one["shared"], f"{one['share']:.1%}") for one in overlap["triggers"]]
    title = f"customers with another trigger within {overlap['within_days']} days"
    return _table(title, ("trigger", "its detections", "shared", "share of ours"), rows)


def _managers(managers: dict[str, Any]) -> Table:
    names = ("manager", "capacity", "customers", "detections", "most_a_day", "on", "days_over", "beyond")
    rows = [tuple(one[name] for name in names) for one in managers["busiest"][:_TOP]]
    return _table("relationship managers, the busiest", tuple(name.replace("_", " ") for name in names), rows)


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> Table:
    # Eight columns stand beside each other in a terminal of eighty characters.
    table = Table(title=Text(title), padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    return table
