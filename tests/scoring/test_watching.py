"""Drift and responses: nothing is said where nothing has moved, and once where something has."""

from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
import pytest

from attune_contracts.datasets import FEATURES
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.testing import RunningService, StartService
from scoring import model, registry, watching
from scoring.app import SERVICE
from scoring.cards.report import Reported, report
from scoring.spec import About
from scoring.watching import Counted, Thresholds

from .conftest import AS_OF, LAST_DAY
from .test_service import idle
from .test_uploads import onnx_bytes

Headers = Callable[..., dict[str, str]]
NAME = "propensity-watched"
NAMES = ("age", "demand_balance_minor", "digital_share_90d")
WITHIN = (LAST_DAY - AS_OF).days
LABEL = {"kinds": ["wealth_purchase"], "within_days": WITHIN}
LATER = date(2026, 3, 14)
THRESHOLDS = Thresholds(0.1, 0.25)
# The width of the balances' logarithms, uniform from 12 to 16, over the root of twelve.
DEVIATION = 4 / 12**0.5


def values(lake: Lake) -> tuple[list[str], np.ndarray]:
    """Customers and what the model sees of them, from the first snapshot."""
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, "features", partition=f"as_of={AS_OF}")
        columns = ", ".join(f"CAST({name} AS DOUBLE)" for name in NAMES)
        rows = con.execute(f"SELECT customer_id, {columns} FROM features").fetchall()
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.float32)


def distribution(column: np.ndarray) -> dict[str, Any]:
    """As a training keeps it."""
    known = column[~np.isnan(column)].astype(np.float64)
    edges = np.unique(np.quantile(known, np.arange(1, 10) / 10))
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "missing": len(column) - len(known)}


async def stand(service: RunningService, lake: Lake) -> np.ndarray:
    """A champion that says what it was trained on; return its scores of the first snapshot."""
    _, rows = values(lake)
    content = onnx_bytes(1e-7, width=len(NAMES))
    score = model.load(NAME, 1, NAMES, content).score(np.nan_to_num(rows))
    told = {name: distribution(rows[:, n]) for n, name in enumerate(NAMES)}
    scores = distribution(score)
    snapshot = {
        "as_of": "2025-12-01",
        "features": told,
        "scores": {"edges": scores["edges"], "counts": scores["counts"]},
        "deciles": [{"decile": n, "n": 100, "responses": 50 - 4 * n} for n in range(1, 11)],
    }
    async with service.runtime.database.transaction() as tx:
        await registry.register(
            tx, About(NAME, "propensity", "buys"), onnx=content, sha256=sha256(content).hexdigest(),
            features=NAMES, metrics={}, card={"spec": {"label": LABEL}}, snapshot=snapshot,
        )  # fmt: skip
        await tx.conn.execute("UPDATE model_version SET state = 'champion' WHERE model = $1", NAME)
    return np.asarray(score)


def shifted(lake: Lake) -> None:
    """A later snapshot: the balances have grown by half a standard deviation of their logarithms, nothing else."""
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, "features", partition=f"as_of={AS_OF}")
        grown = f"(demand_balance_minor * exp(0.5 * {DEVIATION}))::BIGINT AS demand_balance_minor"
        query = f"SELECT * REPLACE ({grown}, DATE '{LATER}' AS as_of) FROM features"
        lake_sql.write_query(con, lake, FEATURES, f"as_of={LATER}", query, as_of=LATER)


def responded(lake: Lake) -> set[str]:
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, "accounts", "transactions")
        rows = con.execute(
            "SELECT customer_id FROM transactions JOIN accounts USING (account_id)"
            " WHERE transactions.kind = 'wealth_purchase'"
        ).fetchall()
    return {row[0] for row in rows}


def by_decile(lake: Lake, score: Sequence[float]) -> list[tuple[int, int]]:
    """By hand: the customers sorted by score, in ten parts, and how many of each have bought."""
    people, _ = values(lake)
    buyers = responded(lake)
    ranked = sorted(zip(score, people, strict=True), key=lambda one: (-one[0], one[1]))
    return [(len(part), sum(str(row[1]) in buyers for row in part)) for part in np.array_split(ranked, 10)]


async def events(service: RunningService) -> list[dict[str, Any]]:
    rows = await service.everything.pool.fetch(
        "SELECT payload FROM outbox WHERE type = 'scoring.drift.detected.v1' ORDER BY seq"
    )
    return [orjson.loads(row["payload"])["data"] for row in rows]


@pytest.fixture
def ask(token: Headers) -> Callable[..., Any]:
    async def ask(service: RunningService, method: str, path: str, body: Any = None, role: str = "model_admin") -> Any:
        headers = token(role, branch="B1") if role == "teller" else token(role)
        headers |= {"Idempotency-Key": uuid4().hex} if method != "GET" else {}
        answer = await service.client.request(method, path, json=body, headers=headers)
        await idle(service) if answer.status_code == 202 else None
        return answer

    return ask


async def test_what_has_moved_is_said_once_and_nothing_else(
    start_service: StartService, bank: Lake, ask: Callable[..., Any]
) -> None:
    service = await start_service(SERVICE)
    score = await stand(service, bank)
    path = f"/v1/models/{NAME}"

    assert (await ask(service, "POST", f"{path}/watch")).status_code == 202
    (first,) = (await ask(service, "GET", f"{path}/watch", role="auditor")).json()["items"]
    assert (first["as_of"], first["rows"], first["score"]) == (str(AS_OF), 3_000, None), "no scores yet"
    assert {line["feature"]: line["level"] for line in first["features"]} == dict.fromkeys(NAMES, "stable")
    assert max(line["psi"] for line in first["features"]) < 1e-9, "the very rows that it was trained on"
    missing = {line["feature"]: (line["missing_before"], line["missing"]) for line in first["features"]}
    assert missing["digital_share_90d"] == (0.2, 0.2)
    assert await events(service) == []

    responses = first["responses"]
    assert (responses["as_of"], responses["until"], responses["final"]) == (str(AS_OF), str(LAST_DAY), True)
    assert [(d["n"], d["responses"]) for d in responses["deciles"]] == by_decile(bank, score.tolist())
    assert [d["trained"] for d in responses["deciles"]] == [(50 - 4 * n) / 100 for n in range(1, 11)]
    assert all(d["low"] <= d["rate"] <= d["high"] for d in responses["deciles"])

    # The day's batch comes, of a snapshot whose balances have moved: what watches runs after it by itself.
    shifted(bank)
    assert (await ask(service, "POST", "/v1/scorings", {})).status_code == 202
    second, *older = (await ask(service, "GET", f"{path}/watch")).json()["items"]
    assert ([older[0]["id"]], second["as_of"]) == ([first["id"]], str(LATER))
    assert second["features"][0]["feature"] == "demand_balance_minor"
    assert [line["level"] == "stable" for line in second["features"]] == [False, True, True]
    assert second["score"]["rows"] == 3_000
    assert second["score"]["level"] != "stable"
    crossed = (await ask(service, "GET", f"{path}/drifts", role="head_office")).json()["items"]
    assert {(c["feature"], c["as_of"]) for c in crossed} == {("demand_balance_minor", str(LATER)), (None, str(LATER))}
    said = await events(service)
    assert {(e["feature"], e["level"]) for e in said} == {(c["feature"], c["level"]) for c in crossed}
    assert {(e["model"], e["version"]) for e in said} == {(NAME, 1)}

    assert (await ask(service, "POST", f"{path}/watch")).status_code == 202
    assert await events(service) == said, "once a crossing"
    one = (await ask(service, "GET", f"{path}/watch?limit=1")).json()
    rest = (await ask(service, "GET", f"{path}/watch?limit=1&cursor={one['next_cursor']}")).json()
    assert [one["items"][0]["id"], rest["items"][0]["id"]] == [second["id"], first["id"]]
    assert rest["next_cursor"] is None
    none = await ask(service, "GET", f"{path}/drifts?level=major&version=2")
    assert none.json()["items"] == []
    assert (await ask(service, "GET", f"{path}/watch", role="teller")).status_code == 403
    assert (await ask(service, "POST", f"{path}/watch", role="head_office")).status_code == 403
    assert (await ask(service, "GET", "/v1/models/nobody/watch")).json()["code"] == "unknown_model"


def look(balance: str, score: str = "stable") -> dict[str, Any]:
    line = {"psi": 0.2, "ks": 0.1}
    return {"features": [{"feature": "balance", "level": balance, **line}], "score": {"level": score, **line}}


def test_a_crossing_is_a_step_up_from_the_look_before() -> None:
    def crossed(before: dict[str, Any] | None, now: dict[str, Any]) -> list[tuple[str | None, str]]:
        return [(one.feature, one.level) for one in watching.crossings(before, now)]

    assert crossed(None, look("stable")) == []
    assert crossed(None, look("moderate", "major")) == [("balance", "moderate"), (None, "major")]
    assert crossed(look("moderate"), look("moderate")) == []
    assert crossed(look("moderate"), look("major")) == [("balance", "major")]
    assert crossed(look("major"), look("moderate")) == []
    assert crossed(look("stable"), look("moderate")) == [("balance", "moderate")], "again, after it was below"


def test_false_alarms_of_two_hundred_looks_and_half_a_deviation_seen_in_each() -> None:
    rng = np.random.default_rng(3)
    edges = np.quantile(rng.normal(size=4_500), np.arange(1, 10) / 10)

    def counted(shift: float, rows: int) -> Counted:
        drawn = rng.normal(shift, 1, rows)
        return Counted(np.bincount(np.searchsorted(edges, drawn), minlength=10).tolist(), int(rows * 0.02))

    false, seen = 0, 0
    for _ in range(200):
        before = counted(0, 4_500)
        false += watching.judged(before, counted(0, 3_000), THRESHOLDS)["level"] != "stable"
        seen += watching.judged(before, counted(0.5, 3_000), THRESHOLDS)["level"] != "stable"
    assert (false, seen) == (0, 200)


def test_values_that_have_gone_missing_are_a_drift() -> None:
    before, now = Counted([100] * 10, 0), Counted([60] * 10, 400)
    found = watching.judged(before, now, THRESHOLDS)
    assert (found["level"], found["ks"], found["missing"]) == ("major", pytest.approx(0, abs=1e-12), 0.4)
    nobody = watching.judged(before, Counted([0] * 10), THRESHOLDS)
    assert (nobody["psi"], nobody["level"]) == (None, "stable")


def test_responses_are_counted_of_a_snapshot_behind_the_training() -> None:
    days = [date(2026, 1, n) for n in (5, 15, 25)]
    assert watching.cohort(days, None, date(2026, 1, 31), 20) == days[1], "the oldest whose window is not long closed"
    assert watching.cohort(days, date(2025, 12, 31), date(2026, 1, 31), 20) == days[2], "what was learned is no proof"
    assert watching.cohort(days, date(2026, 1, 20), date(2026, 1, 31), 20) is None
    assert watching.cohort(days, None, date(2026, 1, 5), 20) is None
    assert watching.cohort(days, None, None, 20) is None


def test_the_page_tells_what_is_watched_in_both_languages_and_runs_nothing() -> None:
    hostile = '"><script>alert(1)</script>'
    feature = {"feature": hostile, "psi": 0.3, "ks": 0.2, "missing_before": 0.0, "missing": 0.1, "level": "major"}
    seen = {
        "version": 2, "state": "champion", "as_of": "2026-03-14", "rows": 3_000, "moderate": 0.1, "major": 0.25,
        "features": [feature], "score": None, "responses": None,
    }  # fmt: skip
    told = report(Reported(hostile, None, [seen], []))

    assert "<script" not in told
    assert told.count("&lt;script&gt;") >= 3
    assert "显著漂移" in told
    assert "Drift: version 2 (champion)" in told
    assert "Not computed yet." in told
