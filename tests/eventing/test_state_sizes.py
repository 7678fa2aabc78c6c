"""A state is small: at most 200 bytes an account, for each shape with a customer's usual year (X34)."""

import random
from typing import Any

import pytest
from tests.eventing.test_shapes import posting, trigger, view

from eventing.compiled import Compiled
from eventing.facts import Fact
from eventing.replaying import Partition

USUAL: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("own_history", {"over": "6 months"}, {"where": "direction = 'credit' AND new_money AND amount >= 500"}),
    ("own_history", {"compare": "amount", "with": "max", "over": "90 days"}, {"where": "amount >= 1000"}),
    ("count", {"at_least": 3, "within": "7 days"}, {"where": "channel = 'web'"}),
    ("count", {"at_least": 3, "within": "10 minutes"}, {"where": "channel = 'web'"}),
    ("sequence", {"first": "kind = 'a'", "then": "direction = 'debit'", "within": "14 days"}, {}),
    ("absence", {"after": "kind = 'a'", "without": "direction = 'debit' AND amount >= 500", "within": "30 days"}, {}),
    ("silence", {"for": "90 days"}, {}),
    ("silence", {"for": "6 months", "had": "5000", "has": "100"}, {}),
    ("change", {"of": "sum", "stops": True, "baseline": 3}, {"where": "kind = 'a'"}),
    ("change", {"of": "share", "share_of": "channel = 'web'", "moves_by": "0.3", "baseline": 6}, {}),
    ("change", {"of": "closing_balance", "falls_below": "0.5", "baseline": 3}, {}),
    ("behaviour", {"at_least": 3, "within": "7 days", "same": "product"}, {"where": "behaviour = 'viewed'"}),
]


def year(seed: int) -> list[Fact]:
    """A customer's usual year: a salary a month, as many other postings as in Berka's files, a view every few days."""
    draw = random.Random(seed)
    facts = [posting(f"{seed}S{m:08d}", 30 * m + 5, 800_000 + draw.randint(0, 50_000), hour=2) for m in range(12)]
    for n in range(54):
        more = {"kind": "b", "direction": draw.choice(("credit", "debit", "debit")), "hour": draw.randint(0, 20)}
        channel = draw.choice(("web", "web", "counter"))
        facts.append(
            posting(f"{seed}{n:09d}", draw.randint(0, 360), draw.randint(100, 200_000), channel=channel, **more)
        )
    facts += [
        view(f"{seed}V{n:08d}", draw.randint(0, 360), draw.randint(0, 20), product="wealth-90") for n in range(100)
    ]
    return sorted(facts, key=lambda fact: fact.place)


@pytest.mark.parametrize(("shape", "body", "more"), USUAL, ids=[f"{n}-{one[0]}" for n, one in enumerate(USUAL)])
def test_a_state_is_at_most_200_bytes_an_account(shape: str, body: dict[str, Any], more: dict[str, Any]) -> None:
    one: Compiled = trigger(shape, body, lateness="3 days", cooldown="30 days", **more)
    partition = Partition.of([one])
    for seed in range(12):
        for fact in year(seed):
            partition.apply(str(seed), fact)
    sizes = [len(packed) for packed in partition.states().values()]
    shared = [len(customer.shared.pack()) for customer in partition.customers.values()]
    assert len(sizes) == 12
    assert sum(sizes) / 12 <= 200, sizes
    assert max(shared) <= 60
