"""A model against no model, from the ledger: an effect that was planted is found, and where there is none, none is."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from attune_contracts.datasets import TRANSACTIONS
from attune_measure.arms import ModelArm, model_arm, model_arm_sql
from attune_measure.means import Moments, welch
from attune_measure.rates import newcombe
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.testing import RunningService, StartService, eventually
from scoring import registry
from scoring.app import SERVICE
from scoring.earned import ARMS, GroupName
from scoring.spec import About

from .conftest import AS_OF, LAST_DAY
from .test_uploads import onnx_bytes

Headers = Callable[..., dict[str, str]]
NAME = "propensity-compared"
SALT = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
NO_MODEL, CHALLENGER = 2_000, 2_500
LABEL = {"kinds": ["wealth_purchase"], "within_days": 28}
PLANTED = {"kinds": ["fund_bought"], "within_days": 40, "wanted": "more"}
# What a customer of each arm does in March; the difference is what the model earns.
RATES = {ModelArm.CHAMPION: 0.20, ModelArm.CHALLENGER: 0.20, ModelArm.NO_MODEL: 0.10}
EFFECT = 0.10
EACH = 300_000


def plant(lake: Lake) -> None:
    """Buyings of March by arm: some twice, some undone, some too late to count."""
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, "accounts")
        arm = model_arm_sql(
            "customer_id", salt_expr=lake_sql.quote(SALT), no_model_bp=NO_MODEL, challenger_bp=CHALLENGER
        )
        rate = f"CASE {arm} " + " ".join(f"WHEN '{arm}' THEN {rate}" for arm, rate in RATES.items()) + " END"
        # A number of each customer that nothing else knows, the same on every machine.
        luck = "(CAST('0x' || sha256('luck' || customer_id)[1:8] AS BIGINT) % 10000) / 10000.0"
        con.execute(
            f"CREATE TABLE people AS SELECT account_id, {luck} AS luck, CAST({rate} AS DOUBLE) AS rate FROM accounts"
        )
        query = " UNION ALL ".join(
            f"SELECT '{mark}' || account_id AS posting_id, account_id, DATE '{day}' AS business_date,"
            " NULL AS booked_at,"
            f" 'debit' AS direction, {EACH} AS amount_minor, 'CNY' AS currency, 'fund_bought' AS kind, NULL AS channel,"
            f" {flags} AS flags, {reverses} AS reverses, NULL AS balance_minor FROM people WHERE {who}"
            for mark, day, who, flags, reverses in (
                ("f", "2026-03-02", "luck < rate", "[]::VARCHAR[]", "NULL"),
                ("g", "2026-03-05", "luck < rate / 4", "[]", "NULL"),
                # Undone: the posting, and what undoes it.
                ("u", "2026-03-06", "luck > 0.9", "[]", "NULL"),
                ("v", "2026-03-07", "luck > 0.9", "['reversal']", "'u' || account_id"),
                # After the window, and on the day of the beginning.
                ("w", "2026-03-13", "luck > 0.8", "[]", "NULL"),
                ("x", "2026-01-31", "luck > 0.7", "[]", "NULL"),
            )
        )
        lake_sql.write_query(con, lake, TRANSACTIONS, "month=2026-03", query, as_of=LAST_DAY)


def arm_of(customer: str) -> ModelArm:
    return model_arm(customer, salt=SALT, no_model_bp=NO_MODEL, challenger_bp=CHALLENGER)


async def stand(service: RunningService) -> None:
    """A champion since the end of January and a challenger since the middle of February, as the trail has them."""
    async with service.runtime.database.transaction() as tx:
        for number, (step, at) in enumerate((("champion", AS_OF), ("challenger", date(2026, 2, 14))), 1):
            content = onnx_bytes(0.001 * number)
            await registry.register(
                tx, About(NAME, "propensity", "buys"), onnx=content, sha256=sha256(content).hexdigest(),
                features=["age", "demand_balance_minor"], metrics={}, card={"spec": {"label": LABEL}},
            )  # fmt: skip
            await tx.conn.execute(
                "UPDATE model_version SET state = $3 WHERE model = $1 AND version = $2", NAME, number, step
            )
            await tx.conn.execute(
                "INSERT INTO promotion (model, version, who, at, step) VALUES ($1, $2, 'a-1', $3, $4)",
                NAME, number, noon(at), "promote" if step == "champion" else "challenge",
            )  # fmt: skip
        await tx.conn.execute(
            "INSERT INTO purpose_setting VALUES ('propensity', 1, $1, $2, $3, 'a-1', $4)",
            SALT, NO_MODEL, CHALLENGER, noon(date(2026, 1, 20)),
        )  # fmt: skip


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


@pytest.fixture
def ask(token: Headers) -> Callable[..., Any]:
    async def ask(service: RunningService, method: str, path: str, body: Any = None, role: str = "model_admin") -> Any:
        headers = token(role, branch="B1") if role == "teller" else token(role)
        headers |= {"Idempotency-Key": uuid4().hex} if method != "GET" else {}
        return await service.client.request(method, f"/v1/models/{NAME}/{path}", json=body, headers=headers)

    return ask


async def compared(service: RunningService, ask: Callable[..., Any], token: Headers) -> dict[str, Any]:
    """Start the job as a model administrator, follow it as one, and read what has come of it."""
    started = await ask(service, "POST", "comparisons")
    assert started.status_code == 202, started.text

    async def look() -> str | None:
        path = f"/v1/jobs/scoring/{started.json()['id']}"
        job = (await service.client.get(path, headers=token("model_admin"))).json()
        return str(job) if job["state"] in ("done", "failed") else None

    job = await eventually(look, 90, every=0.05, what="the end of the job")
    assert "'done'" in job, job
    found: dict[str, Any] = (await ask(service, "GET", "comparison", role="auditor")).json()
    return found


def counted(lake: Lake, outcome: dict[str, Any], since: date) -> dict[ModelArm, list[int]]:
    """By hand: each customer's amount within the window by arm, from the raw rows; -1 = none bought."""
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, "features", "accounts", "transactions")
        people = [row[0] for row in con.execute("SELECT customer_id FROM features").fetchall()]
        owners = dict(con.execute("SELECT account_id, customer_id FROM accounts").fetchall())
        postings = con.execute(
            "SELECT posting_id, account_id, business_date, amount_minor, kind, flags, reverses FROM transactions"
        ).fetchall()
    undone = {row[6] for row in postings}
    bought: dict[str, int] = {}
    for posting, account, day, amount, kind, flags, _ in postings:
        in_time = 0 < (day - since).days <= outcome["within_days"]
        if kind in outcome["kinds"] and in_time and posting not in undone and "reversal" not in flags:
            bought[owners[account]] = bought.get(owners[account], 0) + amount
    found: dict[ModelArm, list[int]] = {arm: [] for arm in ModelArm}
    for one in people:
        found[arm_of(one)].append(bought.get(one, -1))
    return found


def check_against_hand(line: dict[str, Any], by_hand: dict[ModelArm, list[int]]) -> None:
    """Response, interval and money of a comparison are what plain counting gives."""
    groups: list[list[int]] = []
    for side in ("group", "against"):
        name: GroupName = line[side]["group"]
        amounts = [amount for arm in ARMS[name] for amount in by_hand[arm]]
        groups.append(amounts)
        buyers = [amount for amount in amounts if amount >= 0]
        assert (line[side]["n"], line[side]["responses"]) == (len(amounts), len(buyers))
        assert line[side]["amount"] == f"{sum(buyers) / 100:.2f}"
    (x1, n1), (x2, n2) = ((sum(a >= 0 for a in g), len(g)) for g in groups)
    response = newcombe(x1, n1, x2, n2)
    told = line["response"]
    assert (told["difference"], told["low"], told["high"]) == (response.estimate, response.low, response.high)
    moments = []
    for amounts in groups:
        money = [max(0, amount) for amount in amounts]
        mean = sum(money) / len(money)
        moments.append(Moments(len(money), mean, sum((m - mean) ** 2 for m in money) / (len(money) - 1)))
    expected = welch(*moments)
    for end, value in (("difference", expected.estimate), ("low", expected.low), ("high", expected.high)):
        assert float(line["money"][end]) == pytest.approx(value / 100, abs=0.0051)
    assert float(line["money"]["earned"]) == pytest.approx(expected.estimate * n1 / 100, abs=0.0051)


async def test_a_planted_effect_is_found_and_none_where_there_is_none(
    start_service: StartService, bank: Lake, token: Headers, ask: Callable[..., Any]
) -> None:
    plant(bank)
    service = await start_service(SERVICE)
    await stand(service)

    # By the label that the champion was trained on: who is rich and young buys, whatever the arm.
    nothing = await compared(service, ask, token)
    changed = await ask(service, "PUT", "watch-settings", {"version": 0, "outcome": PLANTED})
    assert changed.status_code == 200, changed.text
    found = await compared(service, ask, token)

    assert nothing["outcome"] == LABEL | {"wanted": "more"}
    first = nothing["comparisons"][0]
    assert (first["response"]["verdict"], first["money"]["verdict"]) == ("not proved", "not proved")
    assert first["response"]["low"] < 0 < first["response"]["high"]

    assert (found["as_of"], found["currency"], found["settings_version"]) == (str(LAST_DAY), "CNY", 1)
    model = found["comparisons"][0]
    assert (model["group"]["group"], model["group"]["versions"]) == ("model", [1, 2])
    assert (model["since"], model["until"], model["final"]) == ("2026-01-31", "2026-03-12", True)
    assert model["response"]["low"] < EFFECT < model["response"]["high"]
    assert (model["response"]["verdict"], model["money"]["verdict"]) == ("proved", "proved")
    earned = model["money"]
    assert float(earned["earned_low"]) < EFFECT * 1.25 * EACH / 100 * model["group"]["n"] < float(earned["earned_high"])
    later = found["comparisons"][1:]
    assert [(c["group"]["group"], c["against"]["group"], c["since"], c["final"]) for c in later] == [
        ("champion", "no_model", "2026-02-14", False),
        ("challenger", "no_model", "2026-02-14", False),
        ("challenger", "champion", "2026-02-14", False),
    ]
    assert later[2]["response"]["verdict"] == "not proved"
    for told, outcome in ((nothing, LABEL), (found, PLANTED)):
        for line in told["comparisons"]:
            check_against_hand(line, counted(bank, outcome, date.fromisoformat(line["since"])))

    again = await compared(service, ask, token)
    assert again == found, "the same lake and settings, the same comparison"


async def test_who_may_see_it_and_what_is_refused(
    start_service: StartService, token: Headers, ask: Callable[..., Any]
) -> None:
    service = await start_service(SERVICE, worker=False)
    unknown = await ask(service, "GET", "comparison")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_model")
    await stand(service)

    for role, status in (
        ("model_admin", 404),
        ("head_office", 404),
        ("auditor", 404),
        ("marketer", 403),
        ("teller", 403),
    ):
        assert (await ask(service, "GET", "comparison", role=role)).status_code == status, role
    assert (await ask(service, "POST", "comparisons", role="head_office")).status_code == 403
    shown = (await ask(service, "GET", "watch-settings")).json()
    assert (shown["version"], shown["moderate"], shown["major"]) == (0, 0.1, 0.25)
    stale = await ask(service, "PUT", "watch-settings", {"version": 3})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_mismatch")
    reversed_ = await ask(service, "PUT", "watch-settings", {"version": 0, "moderate": 0.3})
    assert reversed_.status_code == 422
    await service.everything.pool.execute("UPDATE model_version SET card = '{}'")
    without = await ask(service, "POST", "comparisons")
    assert (without.status_code, without.json()["code"]) == (409, "outcome_unknown")
    await service.everything.pool.execute("UPDATE model_version SET state = 'retired'")
    silent = await ask(service, "POST", "comparisons")
    assert (silent.status_code, silent.json()["code"]) == (404, "no_champion")
