"""The same trigger on the lake: detections and keyed states of every customer in DuckDB (X34). For jobs and the CLI.

The connection holds `transactions` (the dataset) and `account_owner` (account_id, customer_id, kind,
opening_balance_minor).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from uuid import UUID

import duckdb

from eventing.cool_down import Hit, is_reversed, raised
from eventing.facts import FARTHEST
from eventing.judging import NOBODY, Credit, Rule, Subject
from eventing.own_history import OwnHistory, mean

# Ordinal of 1970-01-01: the SQL counts days from there, so that its products stay far inside 64 bits.
EPOCH = date(1970, 1, 1).toordinal()
CHUNK = 2_000
# More than any posting can be.
_BEYOND_ALL = 2**62


@dataclass(slots=True)
class Judged:
    """One customer's detections as the lake finds them."""

    raised: list[Hit] = field(default_factory=list)
    reversals: dict[str, list[int]] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)

    def standing(self) -> list[Hit]:
        """The raised hits whose posting was not reversed."""
        return [hit for hit in self.raised if not is_reversed(hit, self.reversals)]


def model(name: str) -> str:
    """The text of an analytical model."""
    return files("eventing").joinpath("models", f"{name}.sql").read_text(encoding="utf-8")


def prepare(con: duckdb.DuckDBPyConnection, rule: Rule, currency: str, before: date) -> None:
    """Make the table `deposit_movement` of the postings before a day; for a rule that is off, without candidates."""
    minimum = rule.minimum_minor if rule.enabled else _BEYOND_ALL
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE deposit_movement AS {model('deposit_movements')}",
        {
            "before": before,
            "currency": currency,
            "months": rule.months,
            "minimum": minimum,
            "farthest": FARTHEST,
        },
    )


def judge(con: duckdb.DuckDBPyConnection, rule: Rule) -> dict[str, Judged]:
    """The raised hits of every customer that has one; `prepare` first."""
    hits: dict[str, list[Hit]] = defaultdict(list)
    judged: dict[str, Judged] = defaultdict(Judged)
    for customer, key, account, day, moment, amount, integral, length in con.execute(model("hits")).fetchall():
        hits[customer].append(Hit(day + EPOCH, moment, key, amount, mean(integral, length)))
        judged[customer].accounts[key] = account
    reversals = "SELECT customer_id, reverses, day FROM deposit_movement WHERE reverses IS NOT NULL"
    for customer, key, day in con.execute(reversals).fetchall():
        judged[customer].reversals.setdefault(key, []).append(day + EPOCH)
    for customer, found in hits.items():
        judged[customer].raised = raised(found, judged[customer].reversals, rule.cooldown_days)
    return dict(judged)


def subjects(
    con: duckdb.DuckDBPyConnection, rule: Rule, judged: Mapping[str, Judged] | None = None
) -> Iterator[tuple[str, Subject]]:
    """Every customer's keyed state, as streaming the same postings leaves it; `prepare` first.

    `judged` is what `judge` has found, if it was asked before.
    """
    judged = judge(con, rule) if judged is None else judged
    cursor = con.execute(model("histories"), {"lateness": rule.lateness_days, "months": rule.months})
    while rows := cursor.fetchmany(CHUNK):
        for customer, first, last, upto, cut, base, days, nets, retained in rows:
            history = OwnHistory(
                first + EPOCH, last + EPOCH, upto + EPOCH, base, [d + EPOCH for d in days or ()], nets or []
            )
            subject = Subject(history)
            _open_ends(subject, judged.get(customer, Judged()), cut + EPOCH, retained or [])
            yield customer, subject


def _open_ends(subject: Subject, judged: Judged, cut: int, retained: list[dict[str, object]]) -> None:
    """What a late posting may still change: credits and reversals from `cut` on, the last raised credit before."""
    chosen = {hit.key for hit in judged.raised}
    subject.credits = [
        Credit(
            _int(c["day"]) + EPOCH, _int(c["moment"]), str(c["key"]), _int(c["amount"]), UUID(str(c["account"])).bytes
        )
        for c in retained
    ]
    for credit in subject.credits:
        credit.raised = credit.key in chosen
    subject.reversals = sorted((day, key) for key, days in judged.reversals.items() for day in days if day >= cut)
    before = [hit for hit in judged.raised if hit.day < cut]
    if before and not is_reversed(before[-1], judged.reversals, cut - 1):
        subject.anchor = (before[-1].day, before[-1].moment, before[-1].key)
    else:
        subject.anchor = NOBODY


def _int(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 - the model's columns are BIGINT
    return value
