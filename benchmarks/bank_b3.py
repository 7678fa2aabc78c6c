"""What B3's shapes are measured on: eight triggers and more, postings of many customers, one in a hundred late."""

import random
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from attune_contracts.identifiers import account_id, customer_id
from attune_contracts.ledger import AccountKind, Direction, TransactionPosted
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.facts import Fact, of_behaviour, of_posting

DAY0 = date(2025, 1, 1)
DAYS = 60
KINDS = 200
TEXTS = {"zh": "一", "en": "one"}
SHAPES: dict[str, dict[str, Any]] = {
    "own-history": {"own_history": {"over": "1 months"}, "where": "direction = 'credit' AND amount >= 3000"},
    "calendar": {"calendar": {"of": "holding_matures_on", "offsets": [-7]}, "on": "dates"},
    "count": {"count": {"at_least": 3, "within": "10 minutes"}, "where": "channel = 'card' AND amount >= 1000"},
    "sequence": {"sequence": {"first": "kind = 'k1'", "then": "kind = 'k2' AND amount >= 1000", "within": "7 days"}},
    "absence": {"absence": {"after": "kind = 'k3'", "without": "kind = 'k4'", "within": "14 days"}},
    "silence": {"silence": {"for": "30 days"}, "where": "channel = 'card'"},
    "change": {"change": {"of": "sum", "falls_below": "0.5", "baseline": 1}, "where": "kind = 'k5'"},
    "behaviour": {
        "behaviour": {"at_least": 3, "within": "7 days", "same": "product"}, "on": "behaviours",
        "where": "behaviour = 'product_viewed'",
    },
}  # fmt: skip


def written(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """A trigger's file."""
    return {"trigger": name, "title": TEXTS, "meaning": TEXTS, "on": "postings", "lateness": "3 days"} | body


def definitions(number: int) -> list[dict[str, Any]]:
    """The eight, and as many as are left that ask for one code of two hundred and a smallest amount each."""
    more = {
        f"more-{n}": {
            "count": {"at_least": 3, "within": "7 days"}, "where": f"kind = 'k{n + 10}' AND amount >= {n * 20 + 500}",
        }
        for n in range(max(number - len(SHAPES), 0))
    }  # fmt: skip
    return [written(name, body) for name, body in (SHAPES | more).items()][:number]


def compiled(files: Iterable[dict[str, Any]]) -> list[Compiled]:
    """Ready to be judged."""
    return [Compiled.of(Definition.model_validate(file)) for file in files]


class Bank:
    """Postings of so many customers: some of sixty days in order of day, then some of the last of these days alone.

    One in a hundred is up to three days late. They are made as they are asked.
    """

    def __init__(self, keys: int, past: int, today: int = 0, seed: int = 1) -> None:
        self.keys = keys
        draw = random.Random(seed)
        drawn: list[tuple[int, Drawn]] = []
        for number in range(past + today):
            who, arrives = draw.randrange(keys), min(number * DAYS // past, DAYS - 1)
            kind, direction = draw.randrange(KINDS), draw.randrange(2)
            amount, channel = int(draw.lognormvariate(11, 1)), draw.randrange(4)
            day = max(arrives - draw.randint(1, 3), 0) if draw.random() < 0.01 else arrives
            drawn.append((arrives, (number, who, day, kind, direction, amount, channel)))
        self._drawn = [one for _, one in sorted(drawn, key=lambda pair: pair[0])]

    def __len__(self) -> int:
        return len(self._drawn)

    def some(self, first: int = 0, last: int | None = None) -> Iterator[TransactionPosted]:
        """The postings from one place to another, in the order in which they come."""
        for number, who, day, kind, direction, amount, channel in self._drawn[first:last]:
            customer, account = owner(who)
            yield TransactionPosted.model_construct(
                customer_id=customer, posting_id=f"{number:09d}", account_id=account,
                business_date=DAY0 + timedelta(day), booked_at=None, direction=DIRECTIONS[direction],
                amount_minor=amount, currency="CNY", kind=f"k{kind}", channel=CHANNELS[channel], flags=(),
                reverses=None, account_kind=DEMAND, origin="live", run=None,
            )  # fmt: skip


@lru_cache(maxsize=100_000)
def owner(number: int) -> tuple[UUID, UUID]:
    """A customer and the account."""
    return customer_id("b3", str(number)), account_id("b3", str(number))


Drawn = tuple[int, int, int, int, int, int, int]
"""A posting's number, customer, day, code, direction, amount and channel."""
CHANNELS = ("card", "web", "counter", None)
DIRECTIONS = tuple(Direction)
DEMAND = AccountKind.DEMAND


def facts(known: Iterable[TransactionPosted]) -> list[tuple[UUID, Fact]]:
    """The same as facts, a behaviour beside every tenth."""
    found: list[tuple[UUID, Fact]] = []
    for number, posting in enumerate(known):
        found.append((posting.customer_id, of_posting(posting)))
        if number % 10 == 0:
            at = datetime.fromisoformat(f"{posting.business_date}T04:00:00+00:00")
            fields = {"behaviour": "product_viewed", "product": f"p{number % 70}"}
            found.append((posting.customer_id, of_behaviour(f"v{number}", posting.business_date, at, fields)))
    return found
