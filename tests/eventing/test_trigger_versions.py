"""Triggers over HTTP: files checked, kept as drafts, compared, and made to judge the stream."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from tests.eventing.conftest import LAST

from attune_service_kit.testing import eventually

BURST = """\
trigger: burst
title: {zh: 多笔支出, en: Burst}
meaning: {zh: 三日内两笔支出, en: Two payments within three days}
on: postings
where: direction = 'debit' AND amount >= 5
count: {at_least: 2, within: 3 days}
cooldown: 0 days
"""
PATH = "/v1/triggers"


async def create(eventing: Any, file: str, path: str = PATH) -> Any:
    return await eventing.send("POST", path, {"file": file}, "marketer")


async def is_checked_and_kept(eventing: Any) -> None:
    told = await create(eventing, BURST, f"{PATH}:validate")
    assert told.status_code == 200, told.text
    assert told.json()["conditions"][0]["fields"] == ["direction", "amount"]
    assert (await eventing.get(f"{PATH}/burst")).status_code == 404  # nothing is kept

    wrong = await create(eventing, BURST.replace("amount", "amont"))
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0] | {"zh": ""} == {
        "line": 5, "column": 32, "key": "where", "en": "unknown field amont; did you mean amount?", "zh": "",
    }  # fmt: skip
    assert (await eventing.get(f"{PATH}/burst")).status_code == 404

    made = await create(eventing, BURST)
    assert made.status_code == 201, made.text
    assert (made.json()["version"], made.json()["state"], made.json()["file"]) == (1, "draft", BURST)
    assert (await create(eventing, BURST)).json()["code"] == "trigger_exists"
    paused = await eventing.send("PUT", f"{PATH}/burst", {"enabled": False}, "marketer")
    assert paused.json()["code"] == "trigger_not_in_force"


async def judges_the_stream(eventing: Any) -> None:
    activated = await eventing.send("POST", f"{PATH}/burst:activate", {"version": 1}, "marketer")
    assert activated.status_code == 200, activated.text

    async def live() -> bool:
        return bool((await eventing.get(f"{PATH}/burst")).json()["state"] == "live")

    await eventually(live, 60, every=0.1, what="burst in force")
    again = await eventing.send("POST", f"{PATH}/burst:activate", {"version": 1}, "marketer")
    assert again.json()["code"] == "trigger_version_not_a_draft"

    # The lake's debit counts: the version's states know what was before.
    posting = {"posting_id": "b", "account_id": "P1", "business_date": LAST.isoformat(), "direction": "debit"}
    sent = await eventing.send(
        "POST", "/v1/ledger/postings",
        {"source": "test", "postings": [posting | {"amount": "8.00", "currency": "CNY", "kind": "card"}]}, "partner",
    )  # fmt: skip
    assert sent.status_code == 202, sent.text

    async def found() -> list[str]:
        page = (await eventing.get("/v1/detections", "head_office", trigger="burst")).json()
        return [item["event_key"] for item in page["items"]]

    assert await eventually(found, 60, every=0.1, what="a detection") == ["b"]

    async def rated() -> bool:
        rate = (await eventing.get(f"{PATH}/burst/rate", "head_office", days=3)).json()
        return [day["raised"] for day in rate["days"]] == [0, 0, 1]

    # Business time follows the detection: only then is its day the last one.
    assert await eventually(rated, 30, every=0.1, what="one on the last of three days")


async def has_versions(eventing: Any) -> None:
    quicker = await eventing.send("PUT", f"{PATH}/burst", {"cooldown_days": 5, "enabled": False}, "marketer")
    assert (quicker.json()["version"], quicker.json()["state"]) == (2, "paused")
    differ = (await eventing.get(f"{PATH}/burst/versions/2/differences", other=1)).json()
    assert {one["key"] for one in differ["differences"]} == {"cooldown", "lateness", "expires"}
    assert {"key": "cooldown", "before": "0 days", "after": "5 days"} in differ["differences"]
    amount = await eventing.send("PUT", f"{PATH}/burst", {"minimum_minor": 5}, "marketer")
    assert amount.status_code == 422

    other = await create(eventing, BURST.replace("trigger: burst", "trigger: other"), f"{PATH}/burst/versions")
    assert other.json()["code"] == "trigger_file_of_another"
    third = await create(eventing, BURST.replace("3 days}", "4 days}"), f"{PATH}/burst/versions")
    assert (third.json()["version"], third.json()["state"]) == (3, "draft")
    listed = (await eventing.get(f"{PATH}/burst/versions", limit=2)).json()
    rest = (await eventing.get(f"{PATH}/burst/versions", limit=2, cursor=listed["next_cursor"])).json()
    shown = [(v["version"], v["state"]) for v in (*listed["items"], *rest["items"])]
    assert shown == [(3, "draft"), (2, "paused"), (1, "superseded")]
    drafts = (await eventing.get(f"{PATH}/burst/versions", state="draft")).json()
    assert [v["version"] for v in drafts["items"]] == [3]
    assert (await eventing.get(f"{PATH}/burst/versions/9")).status_code == 404
    assert (await eventing.get(f"{PATH}/none/versions")).status_code == 404
    assert (await eventing.get(f"{PATH}/none/rate", "head_office")).status_code == 404


async def ends(eventing: Any, customer: str) -> None:
    """A draft is discarded, and keeps its number; a trigger is retired with its states, and comes again."""
    discarded = await eventing.send("POST", f"{PATH}/burst/versions/3:discard", None, "marketer")
    assert (discarded.status_code, discarded.json()["state"]) == (200, "discarded"), discarded.text
    for call in (("POST", f"{PATH}/burst/versions/3:discard", None), ("POST", f"{PATH}/burst/versions/2:discard", None),
                 ("POST", f"{PATH}/burst:activate", {"version": 3})):  # fmt: skip
        refused = await eventing.send(*call, "marketer")
        assert (refused.status_code, refused.json()["code"]) == (409, "trigger_version_not_a_draft")
    assert (await eventing.send("POST", f"{PATH}/burst/versions/9:discard", None, "marketer")).status_code == 404
    # Nor does it go live where its states were being made already.
    runtime = eventing.service.runtime
    async with runtime.worker_database.transaction() as tx:
        job = await runtime.jobs.start(tx, "backfill", {"trigger": "burst", "version": 3}, key="burst:3")
    await eventing.settled()
    assert (await eventing.get(f"/v1/jobs/eventing/{job}")).json()["state"] == "failed"
    assert (await eventing.get(f"{PATH}/burst")).json()["in_force"] == 2
    assert (await create(eventing, BURST, f"{PATH}/burst/versions")).json()["version"] == 4

    assert await eventing.rows("SELECT 1 FROM keyed_state WHERE trigger = 'burst'")
    why = {"reason": "nobody acts on it"}
    assert (await eventing.send("POST", f"{PATH}/burst:retire", why, "auditor")).status_code == 403
    retired = (await eventing.send("POST", f"{PATH}/burst:retire", why, "marketer")).json()
    assert (retired["version"], retired["state"]) == (2, "retired")
    again = await eventing.send("POST", f"{PATH}/burst:retire", why, "marketer")
    assert again.json()["code"] == "trigger_not_in_force"
    paused = await eventing.send("PUT", f"{PATH}/burst", {"enabled": True}, "marketer")
    assert paused.json()["code"] == "trigger_not_in_force"
    await eventing.settled()
    assert not await eventing.rows("SELECT 1 FROM keyed_state WHERE trigger = 'burst'")
    assert await eventing.rows("SELECT 1 FROM keyed_state WHERE trigger = 'large-deposit'")
    told = await eventing.rows("SELECT payload FROM outbox WHERE type = 'eventing.trigger.retired.v1' ORDER BY seq")
    assert [orjson.loads(row["payload"])["data"] for row in told] == [
        {"trigger": "burst", "version": 2, "partition": number} for number in range(8)
    ]
    one = (await eventing.get(f"{PATH}/burst")).json()
    assert (one["in_force"], one["version"], one["state"]) == (None, 4, "draft")
    shown = (await eventing.get(f"{PATH}/burst/versions")).json()["items"]
    assert [v["state"] for v in shown] == ["draft", "discarded", "retired", "superseded"]
    # What it has found stays; it finds nothing more, and why says that no version judges.
    listed = (await eventing.get("/v1/detections", "head_office", trigger="burst")).json()["items"]
    assert [item["event_key"] for item in listed] == ["b"]
    ask = {"customer_id": customer, "posting_id": "b"}
    told = (await eventing.get("/v1/detections/why", "auditor", **ask)).json()["postings"][0]["triggers"]
    assert [v["trigger"] for v in told] == ["large-deposit"]
    trail = await eventing.rows("SELECT what, version, detail FROM audit WHERE what LIKE 'trigger.%ed' ORDER BY id")
    assert [(row["what"], row["version"]) for row in trail][-3:] == [
        ("trigger.discarded", "3"), ("trigger.drafted", "4"), ("trigger.retired", "2")
    ]  # fmt: skip
    assert "nobody acts on it" in str(trail[-1]["detail"])

    activated = await eventing.send("POST", f"{PATH}/burst:activate", {"version": 4}, "marketer")
    assert activated.status_code == 200, activated.text
    await eventing.settled()
    assert (await eventing.get(f"{PATH}/burst")).json()["state"] == "live"
    assert await eventing.rows("SELECT 1 FROM keyed_state WHERE trigger = 'burst'")


async def explains_the_version_that_judges(eventing: Any, customer: str) -> None:
    """A draft judges nothing: why is asked of the version in force, drafts are told among all."""
    ask = {"customer_id": customer, "posting_id": "b"}
    for versions, told in (("current", [(2, True)]), ("all", [(3, False), (2, True), (1, False)])):
        answer = (await eventing.get("/v1/detections/why", "auditor", versions=versions, **ask)).json()
        verdicts = [v for v in answer["postings"][0]["triggers"] if v["trigger"] == "burst"]
        assert [(v["version"], v["current"]) for v in verdicts] == told


async def test_a_file_is_checked_kept_compared_and_judges_the_stream(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("P1")
    bank.post("first", "P1", LAST - timedelta(200), 100_000)
    bank.post("a", "P1", LAST, -700)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await is_checked_and_kept(eventing)
    await judges_the_stream(eventing)
    await has_versions(eventing)
    assert (await eventing.get(f"{PATH}/burst")).json()["in_force"] == 2
    await explains_the_version_that_judges(eventing, str(bank.parties[0]["customer_id"]))
    await ends(eventing, str(bank.parties[0]["customer_id"]))
