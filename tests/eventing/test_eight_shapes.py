"""All shapes on the running service: found as facts come and days pass, a rebuild's bytes, a backfill meanwhile."""

import random
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import orjson
from tests.eventing.conftest import SOURCE
from tests.eventing.test_shapes import TEXTS

from attune_contracts.envelope import envelope, nats_subject
from attune_contracts.identifiers import account_id, customer_id, partition, posting_event_id
from attune_contracts.ledger import AccountKind, TransactionPosted
from attune_service_kit.messaging import Broker, Message
from attune_service_kit.testing import eventually
from attune_service_kit.testing_credentials import nats_seed
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.facts import of_posting
from eventing.replaying import Partition

DAY0 = date(2024, 1, 1)
DAYS = 150
BODIES: list[dict[str, Any]] = [
    {"count": {"at_least": 3, "within": "7 days"}, "where": "direction = 'debit'"},
    {"count": {"at_least": 2, "within": "6 hours"}, "grain": "account"},
    {"sequence": {"first": "kind = 'salary'", "then": "direction = 'debit' AND amount >= 3", "within": "5 days"}},
    {"absence": {"after": "kind = 'salary'", "without": "kind = 'card'", "within": "6 days"}},
    {"silence": {"for": "12 days"}, "where": "kind = 'card'"},
    {"silence": {"for": "1 months", "had": "5", "has": "4"}},
    {"change": {"of": "sum", "rises_above": "1.2", "baseline": 2}, "where": "kind = 'card'"},
    {"change": {"of": "closing_balance", "falls_below": "0.9", "baseline": 1, "every": "week"}},
    {"own_history": {"compare": "amount", "with": "max", "over": "20 days"}},
    {"own_history": {"over": "20 days", "times": "0.5"}, "where": "amount >= 1"},
]  # fmt: skip
COLUMNS = "name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days, expires_hours, enabled"


def definitions() -> list[Definition]:
    raw = {"title": TEXTS, "meaning": TEXTS, "on": "postings", "lateness": "5 days", "cooldown": "3 days"}
    return [Definition.model_validate(raw | body | {"trigger": f"t{n}"}) for n, body in enumerate(BODIES)]


async def add(eventing: Any, definition: Definition, *, live: bool = True) -> None:
    """A version of a trigger, as an approved change of its file leaves it."""
    await eventing.service.runtime.worker_database.pool.execute(
        f"INSERT INTO trigger ({COLUMNS}, created_by, definition, backfilled_at)"
        f" VALUES ($1, 1, $2, $3, 6, 0, 3, 5, 48, true, 'test', $4, CASE WHEN $5 THEN now() END)",
        definition.trigger, definition.kind, TransactionPosted.TYPE, orjson.dumps(written(definition)).decode(), live,
    )  # fmt: skip


def written(definition: Definition) -> dict[str, Any]:
    """The definition as its file has it."""
    body = BODIES[int(definition.trigger[1:])]
    return {"title": TEXTS, "meaning": TEXTS, "on": "postings", "lateness": "5 days", "cooldown": "3 days"} | body | {
        "trigger": definition.trigger
    }  # fmt: skip


def postings(people: int = 6, seed: int = 11) -> list[TransactionPosted]:
    """Five months of salaries, card payments and transfers, with gaps and reversals, in order."""
    draw = random.Random(seed)
    found: list[TransactionPosted] = []
    for person in range(people):
        mine: list[TransactionPosted] = []
        quiet = draw.randint(40, 110)
        days = [n for n in range(DAYS) if not quiet < n < quiet + 25 and draw.random() < 0.4]
        for number, n in enumerate(days):
            kind = "salary" if n % 30 < 2 else draw.choice(("card", "card", "transfer"))
            undone = draw.choice(mine) if mine and draw.random() < 0.06 else None
            account = account_id(SOURCE, f"P{person}{draw.choice(('', '', '-T'))}")
            on = DAY0 + timedelta(n)
            at = datetime.combine(on, time(draw.randint(0, 23), draw.randint(0, 59)), UTC)
            mine.append(
                TransactionPosted.model_validate(
                    {
                        "customer_id": customer_id(SOURCE, f"P{person}"), "posting_id": f"{person}-{number:03d}",
                        "account_id": undone.account_id if undone else account,
                        "business_date": on, "booked_at": draw.choice((at, None)),
                        "direction": "credit" if kind == "salary" or draw.random() < 0.3 else "debit",
                        "amount_minor": draw.randint(1, 900), "currency": "CNY", "kind": kind,
                        "channel": draw.choice(("web", None)), "reverses": undone.posting_id if undone else None,
                    }
                )
            )  # fmt: skip
        found += mine
    return sorted(found, key=lambda p: of_posting(p).place)


def known(bank: Any, people: int = 6) -> None:
    for person in range(people):
        bank.person(f"P{person}", opening=500)
        bank.account(f"P{person}", f"P{person}-T", "time")


async def send(eventing: Any, streams: Any, sent: list[TransactionPosted]) -> None:
    kinds = {
        row["account_id"]: row["kind"] for row in await eventing.rows("SELECT account_id, kind FROM account_owner")
    }
    broker = Broker(streams.url, user="ledger", seed=nats_seed("ledger"), name="adapter")
    await broker.start()
    await broker.ready()
    for posting in sent:
        posting = posting.model_copy(update={"account_kind": AccountKind(kinds[posting.account_id])})
        event = envelope(
            posting, time=datetime.combine(posting.business_date, time(12), UTC),
            event_id=posting_event_id("live:test", posting.posting_id),
        )  # fmt: skip
        subject = nats_subject(posting.TYPE, partition(posting.customer_id))
        await broker.publish(Message(subject, event.model_dump_json().encode(), str(event.id), "LEDGER"))
    await broker.stop()
    await applied(eventing, [p.posting_id for p in sent])


async def applied(eventing: Any, ids: list[str]) -> None:
    async def there() -> bool:
        rows = await eventing.rows("SELECT count(*) AS n FROM posting WHERE posting_id = any($1::text[])", ids)
        return bool(rows[0]["n"] == len(ids))

    assert await eventually(there, 60, every=0.1, what="the postings are applied")


async def states(eventing: Any) -> dict[tuple[Any, ...], bytes]:
    rows = await eventing.rows("SELECT customer_id, trigger, account_id, partition, packed FROM keyed_state")
    return {tuple(row.values())[:4]: row["packed"] for row in rows}


async def timers(eventing: Any) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in await eventing.rows("SELECT * FROM timer")}


async def standing(eventing: Any) -> set[tuple[str, str, str, date]]:
    rows = await eventing.rows(
        "SELECT trigger, customer_id, event_key, business_date FROM detection"
        " WHERE state = 'raised' AND trigger LIKE 't%'"
    )
    return {(row["trigger"], str(row["customer_id"]), row["event_key"], row["business_date"]) for row in rows}


def expected(sent: list[TransactionPosted], today: date) -> set[tuple[str, str, str, date]]:
    """What the pure executor finds: one partition for each of the stream's, business time the same for all."""
    found: set[tuple[str, str, str, date]] = set()
    for number in range(8):
        mine = [posting for posting in sent if partition(posting.customer_id) == number]
        openings = {
            str(p.customer_id): {account_id(SOURCE, f"P{n}").bytes: 500, account_id(SOURCE, f"P{n}-T").bytes: 0}
            for n in range(6) for p in mine if p.customer_id == customer_id(SOURCE, f"P{n}")
        }  # fmt: skip
        one = Partition.of([Compiled.of(definition) for definition in definitions()], openings)
        for posting in mine:
            time_accounts = {account_id(SOURCE, f"P{n}-T") for n in range(6)}
            kind = AccountKind.TIME if posting.account_id in time_accounts else AccountKind.DEMAND
            one.apply(str(posting.customer_id), of_posting(posting.model_copy(update={"account_kind": kind})))
        if mine:
            one.advance(today.toordinal())
        for name, stands in one.standing.items():
            found |= {(name, who, key, date.fromordinal(v.day)) for (who, key), v in stands.items()}
    return found


async def test_all_shapes_find_on_the_stream_what_the_pure_code_finds_and_a_rebuild_gives_the_bytes(
    eventing: Any, new_bank: Any, streams: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    known(bank)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await eventing.service.runtime.worker_database.pool.execute("UPDATE trigger SET lateness_days = 5")
    for definition in definitions()[:-1]:
        await add(eventing, definition)
    sent = postings()
    half = len(sent) // 2
    draw = random.Random(3)
    arrival = sorted(sent[:half], key=lambda p: p.business_date + timedelta(draw.choice((0, 0, 2, 5))))
    await send(eventing, streams, arrival)
    # The last one becomes known half-way: it goes live with the states of the first half, and the stream goes on.
    last = definitions()[-1]
    await add(eventing, last, live=False)
    async with eventing.service.runtime.worker_database.transaction() as tx:
        job = await eventing.service.runtime.jobs.start(
            tx, "backfill", {"trigger": last.trigger, "version": 1}, key="b"
        )
    assert job

    async def live() -> bool:
        rows = await eventing.rows("SELECT backfilled_at FROM trigger WHERE name = $1", last.trigger)
        return rows[0]["backfilled_at"] is not None

    assert await eventually(live, 60, every=0.1, what="the new trigger is in force")
    await send(
        eventing, streams, sorted(sent[half:], key=lambda p: p.business_date + timedelta(draw.choice((0, 0, 2, 5))))
    )
    today = max(p.business_date for p in sent)
    wanted = expected(sent, today)
    first_live = max(p.business_date for p in sent[:half])

    async def settled() -> bool:
        found = await standing(eventing)
        news = {one for one in wanted if one[0] != last.trigger or one[3] > first_live}
        return {one for one in found if one[0] != last.trigger or one[3] > first_live} == news

    assert await eventually(settled, 60, every=0.3, what="every shape's detections")
    assert {one[0] for one in wanted} == {definition.trigger for definition in definitions()}
    await eventing.settled()
    before, due = await states(eventing), await timers(eventing)
    await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {}))
    assert await states(eventing) == before
    assert await timers(eventing) == due
