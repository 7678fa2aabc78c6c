"""All shapes on the running service: found as facts come and days pass, a rebuild's bytes, a backfill meanwhile."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from tests.eventing.conftest import SOURCE
from tests.eventing.test_shapes import TEXTS

from attune_contracts.eventing import BehaviourRecorded
from attune_contracts.identifiers import account_id, customer_id, partition
from attune_contracts.ledger import AccountKind, Direction, TransactionPosted
from attune_service_kit.testing import eventually
from eventing.behaviours import fact
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.facts import Fact, of_posting
from eventing.replaying import Partition

DAY0 = date(2024, 1, 1)
DAYS = 150
PEOPLE = 6
TIME_ACCOUNTS = {account_id(SOURCE, f"P{n}-T") for n in range(PEOPLE)}
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
    {
        "on": ["postings", "behaviours"], "where": "behaviour = 'viewed'",
        "behaviour": {"at_least": 2, "within": "5 days", "same": "product", "unless": "kind = 'card' AND amount >= 6"},
    },
    {"silence": {"for": "20 days"}, "on": "behaviours"},
    {"own_history": {"over": "20 days", "times": "0.5"}, "where": "amount >= 1"},
]  # fmt: skip
COLUMNS = "name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days, expires_hours, enabled"


def definitions() -> list[Definition]:
    raw = {"title": TEXTS, "meaning": TEXTS, "on": "postings", "lateness": "5 days", "cooldown": "3 days"}
    return [Definition.model_validate(raw | body | {"trigger": f"t{n}"}) for n, body in enumerate(BODIES)]


async def insert(conn: Any, definition: Definition, *, live: bool) -> None:
    """A version of one of the triggers."""
    await insert_file(conn, written(definition), live=live)


async def insert_file(conn: Any, file: dict[str, Any], *, live: bool) -> None:
    """A version of a trigger, as an approved change of its file leaves it."""
    kind = Definition.model_validate(file).kind
    await conn.execute(
        f"INSERT INTO trigger ({COLUMNS}, created_by, definition, backfilled_at)"
        f" VALUES ($1, 1, $2, $3, 6, 0, 3, 5, 48, true, 'test', $4, CASE WHEN $5 THEN now() END)",
        file["trigger"], kind, TransactionPosted.TYPE, orjson.dumps(file).decode(), live,
    )  # fmt: skip


def written(definition: Definition) -> dict[str, Any]:
    """The definition as its file has it."""
    body = BODIES[int(definition.trigger[1:])]
    return {"title": TEXTS, "meaning": TEXTS, "on": "postings", "lateness": "5 days", "cooldown": "3 days"} | body | {
        "trigger": definition.trigger
    }  # fmt: skip


def postings(people: int = PEOPLE, seed: int = 11) -> list[TransactionPosted]:
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


def views(seed: int = 5) -> list[BehaviourRecorded]:
    """What the same people look at."""
    draw = random.Random(seed)
    found = []
    for number in range(120):
        on = DAY0 + timedelta(draw.randrange(DAYS))
        found.append(
            BehaviourRecorded(
                customer_id=customer_id(SOURCE, f"P{draw.randrange(PEOPLE)}"), behaviour_id=f"v{number:03d}",
                behaviour=draw.choice(("viewed", "viewed", "started")), product=draw.choice(("p", "q", None)),
                business_date=on, occurred_at=datetime.combine(on, time(draw.randint(0, 23)), UTC),
            )
        )  # fmt: skip
    return found


Arriving = TransactionPosted | BehaviourRecorded


def fact_of(one: Arriving) -> Fact:
    return of_posting(one) if isinstance(one, TransactionPosted) else fact(one)


def everything() -> list[Arriving]:
    """Postings and behaviours, in order."""
    return sorted([*with_kinds(postings()), *views()], key=lambda one: fact_of(one).place)


def with_kinds(sent: list[TransactionPosted]) -> list[TransactionPosted]:
    """With each account's kind, as intake fills it in."""
    kinds = {True: AccountKind.TIME, False: AccountKind.DEMAND}
    return [p.model_copy(update={"account_kind": kinds[p.account_id in TIME_ACCOUNTS]}) for p in sent]


def arriving(sent: list[Arriving], seed: int) -> list[Arriving]:
    """Half of them late, within the lateness."""
    draw = random.Random(seed)
    return sorted(sent, key=lambda p: p.business_date + timedelta(draw.choice((0, 0, 2, 5))))


def known(bank: Any) -> None:
    """The people and their accounts."""
    for person in range(PEOPLE):
        bank.person(f"P{person}", opening=500)
        bank.account(f"P{person}", f"P{person}-T", "time")


async def send(eventing: Any, sent: Sequence[Arriving]) -> None:
    for one in sent:
        await eventing.publish(one, time=datetime.combine(one.business_date, time(12), UTC))
    await applied(eventing, [fact_of(one).key for one in sent])


async def applied(eventing: Any, ids: list[str]) -> None:
    async def there() -> bool:
        rows = await eventing.rows(
            "SELECT (SELECT count(*) FROM posting WHERE posting_id = any($1::text[]))"
            " + (SELECT count(*) FROM behaviour WHERE behaviour_id = any($1::text[])) AS n",
            ids,
        )
        return bool(rows[0]["n"] == len(ids))

    assert await eventually(there, 60, every=0.1, what="the postings are applied")


async def states(eventing: Any) -> dict[tuple[Any, ...], bytes]:
    rows = await eventing.rows("SELECT customer_id, trigger, account_id, packed FROM keyed_state")
    return {tuple(row.values())[:3]: row["packed"] for row in rows}


async def timers(eventing: Any) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in await eventing.rows("SELECT * FROM timer")}


async def standing(eventing: Any) -> "Standing":
    rows = await eventing.rows(
        "SELECT trigger, customer_id, event_key, business_date FROM detection"
        " WHERE state = 'raised' AND trigger LIKE 't%'"
    )
    return {(row["trigger"], str(row["customer_id"]), row["event_key"], row["business_date"]) for row in rows}


Standing = set[tuple[str, str, str, date]]


def pure(sent: Sequence[Arriving]) -> tuple[Standing, dict[tuple[Any, ...], bytes]]:
    """What the pure executor finds and keeps: a partition for each of the stream's, business time the same for all."""
    standing: Standing = set()
    states: dict[tuple[Any, ...], bytes] = {}
    compiled = [Compiled.of(definition) for definition in definitions()]
    today = max(posting.business_date for posting in sent)
    names = [f"P{n}" for n in range(PEOPLE)]
    openings = {
        str(customer_id(SOURCE, name)): {account_id(SOURCE, name).bytes: 500, account_id(SOURCE, f"{name}-T").bytes: 0}
        for name in names
    }
    for number in range(8):
        mine = [posting for posting in sent if partition(posting.customer_id) == number]
        one = Partition.of(compiled, {who: openings[who] for who in {str(p.customer_id) for p in mine}})
        for posting in mine:
            one.apply(str(posting.customer_id), fact_of(posting))
        if mine:
            one.advance(today.toordinal())
        for name, stands in one.standing.items():
            standing |= {(name, who, key, date.fromordinal(v.day)) for (who, key), v in stands.items()}
        for (who, (name, account)), packed in one.states().items():
            states[UUID(who), name, UUID(bytes=account) if account else UUID(int=0)] = packed
        for who, customer in one.customers.items():
            states[UUID(who), "", UUID(int=0)] = customer.shared.pack()
    return standing, states


async def test_all_shapes_find_on_the_stream_what_the_pure_code_finds_and_a_rebuild_gives_the_bytes(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    known(bank)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    pool = eventing.service.runtime.worker_database.pool
    await pool.execute("UPDATE trigger SET lateness_days = 5")
    *first, last = definitions()
    for definition in first:
        await insert(pool, definition, live=True)
    sent = everything()
    half = len(sent) // 2
    await send(eventing, arriving(sent[:half], 3))
    # The last one becomes known half-way: it goes live with the states of the first half, and the stream goes on.
    await insert(pool, last, live=False)
    async with eventing.service.runtime.worker_database.transaction() as tx:
        params = {"trigger": last.trigger, "version": 1}
        await eventing.service.runtime.jobs.start(tx, "backfill", params, key="backfill")

    async def live() -> bool:
        rows = await eventing.rows("SELECT backfilled_at FROM trigger WHERE name = $1", last.trigger)
        return rows[0]["backfilled_at"] is not None

    assert await eventually(live, 60, every=0.1, what="the new trigger is in force")
    await send(eventing, arriving(sent[half:], 4))
    wanted, kept = pure(sent)
    assert {one[0] for one in wanted} == {definition.trigger for definition in definitions()}
    live_from = max(p.business_date for p in sent[:half])

    def spoken(found: Standing) -> Standing:
        """Of the last trigger, what lies after it went live."""
        return {one for one in found if one[0] != last.trigger or one[3] > live_from}

    async def settled() -> bool:
        return spoken(await standing(eventing)) == spoken(wanted)

    assert await eventually(settled, 60, every=0.3, what="every shape's detections")
    await eventing.settled()
    # What a trigger sees is told with it, and whether it is money that has come: a silence has nothing to tell.
    told = await eventing.rows("SELECT payload FROM outbox WHERE type = 'eventing.detection.evidence.v1'")
    evidence = [orjson.loads(row["payload"])["data"] for row in told]
    assert {one["trigger"] for one in evidence} == {one[0] for one in wanted} - {"t4", "t10"}
    assert {one["compared_with_minor"] for one in evidence if one["trigger"] == "t0"} == {None}
    assert not any(one["new_money"] for one in evidence)
    before, due = await states(eventing), await timers(eventing)
    assert {key: packed for key, packed in before.items() if key[1] != "large-deposit"} == kept
    await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {}))
    assert await states(eventing) == before
    assert await timers(eventing) == due


async def test_a_replay_lets_no_timer_run_ahead_and_a_second_one_finds_the_same(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    known(bank)
    sent = with_kinds(postings())
    for posting in sent:
        name = next(n for n in bank.accounts if n["account_id"] == str(posting.account_id))["source_id"]
        net = posting.amount_minor if posting.direction is Direction.CREDIT else -posting.amount_minor
        bank.post(
            posting.posting_id, name, posting.business_date, net, kind=posting.kind, channel=posting.channel,
            booked_at=posting.booked_at, reverses=posting.reverses,
        )  # fmt: skip
    await eventing.load(bank, lake_dir, tmp_path / "s")
    pool = eventing.service.runtime.worker_database.pool
    await pool.execute("UPDATE trigger SET lateness_days = 5")
    for definition in definitions():
        await insert(pool, definition, live=True)
    wanted, kept = pure(sent)
    body = {"from": DAY0.isoformat(), "to": max(p.business_date for p in sent).isoformat()}
    counts = []
    for _ in range(2):
        result = await eventing.done(await eventing.send("POST", "/v1/ledger/replays", body))
        counts.append({name: one["count"] for name, one in result["detections"].items()})

        async def settled() -> bool:
            return await standing(eventing) == wanted

        assert await eventually(settled, 60, every=0.3, what="every shape's detections")
    assert counts[0] == counts[1]
    after = await states(eventing)
    assert {key: packed for key, packed in after.items() if key[1] != "large-deposit"} == kept


async def test_a_timer_that_fails_is_set_aside_and_nothing_else_stops(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    known(bank)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    pool = eventing.service.runtime.worker_database.pool
    await pool.execute("DELETE FROM trigger")
    await insert(pool, definitions()[4], live=True)
    cards = [p for p in with_kinds(postings()) if p.kind == "card"]
    first = {p.customer_id: p for p in reversed(cards)}
    await send(eventing, list(first.values()))
    broken = min(first)
    await pool.execute("UPDATE keyed_state SET packed = 'no state' WHERE customer_id = $1 AND trigger = 't4'", broken)
    await pool.execute("UPDATE ledger_partition SET epoch = epoch + 1")
    later = DAY0 + timedelta(DAYS)
    (poison,) = [p for p in cards if p.customer_id == broken][:1]
    sent = [
        p.model_copy(update={"posting_id": f"later-{p.customer_id}", "business_date": later}) for p in first.values()
    ]
    await send(eventing, [p for p in sent if p.customer_id != broken])
    await eventing.publish(poison.model_copy(update={"posting_id": "poison", "business_date": later}))

    async def told() -> bool:
        found = {one[1] for one in await standing(eventing)}
        return found == {str(who) for who in first if who != broken}

    assert await eventually(told, 60, every=0.2, what="the others' silences")

    async def held() -> bool:
        return [row["partition"] for row in await eventing.rows("SELECT consumer AS partition FROM quarantine")] != []

    assert await eventually(held, 60, every=0.2, what="the fact of the broken state in quarantine")
    assert not await eventing.rows("SELECT 1 FROM timer WHERE customer_id = $1", broken)
