"""An import that is cancelled while it runs, and let go on: nothing is half-written, nothing is doubled."""

from collections.abc import Callable
from typing import Any

import pytest

from customer_360 import importing

from .test_importing import EXPECTED, dump, numbers

EVENTS = "SELECT count(*) FROM outbox WHERE type = 'customer_360.import.completed.v1'"


async def ask(bank: Any, job_id: str, action: str) -> Any:
    """Cancel or resume a job over the API."""
    path = f"/v1/jobs/customer_360/{job_id}:{action}"
    return await bank.service.client.post(path, headers=bank.writer("operator"))


def cancelling(bank: Any, monkeypatch: pytest.MonkeyPatch, place: str) -> Callable[[str], None]:
    """Let the API cancel the job where the import writes the parties (in their transaction), or before it publishes."""
    owner, name = (importing.timeline, "add_imported") if place == "writing" else (importing, "publish")
    original = getattr(owner, name)
    job: list[str] = []

    async def cancelled_first(*args: Any) -> Any:
        done = await original(*args)
        if job and (place == "publishing" or args[1] == "parties"):
            answer = await ask(bank, job.pop(), "cancel")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled"), answer.text
        return done

    monkeypatch.setattr(owner, name, cancelled_first)
    return job.append


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("writing", {"branches", "employees", "products"}),
        ("publishing", set(EXPECTED)),
    ],
)
async def test_a_running_import_is_cancelled_between_datasets_and_goes_on_from_there(
    bank: Any, monkeypatch: pytest.MonkeyPatch, place: str, kept: set[str]
) -> None:
    job = (await bank.ask()).json()["id"]
    cancelling(bank, monkeypatch, place)(job)
    stopped = await bank.go_on(job)
    assert (stopped["state"], stopped["result"]) == ("cancelled", None)
    (run,) = (await bank.get("/v1/imports", "operator")).json()["items"]
    assert (run["state"], run["counts"], run["completed_at"]) == ("cancelled", None, None)
    # A dataset stands as a whole or not at all: the log and the tables say the same.
    assert {line["text"].partition(":")[0] for line in run["log"]} == kept
    stands = {table: bool(await bank.rows(f"SELECT 1 FROM {table}")) for table in ("branch", "party", "party_identity")}
    assert stands == {"branch": True, "party": "parties" in kept, "party_identity": "parties" in kept}
    assert [row[0] for row in await bank.rows(EVENTS)] == [0], "nobody is told of what was not finished"
    before = await dump(bank)
    # Cancelled is for good until somebody lets it go on: its process, started once more, changes nothing.
    assert (await bank.go_on(job))["state"] == "cancelled"
    assert await dump(bank) == before

    resumed = await ask(bank, job, "resume")
    assert (resumed.status_code, resumed.json()["state"]) == (200, "queued")
    done = await bank.go_on(job)
    assert (done["state"], numbers(done["result"])) == ("done", EXPECTED)
    (run,) = (await bank.get("/v1/imports", "operator")).json()["items"]
    assert (run["state"], run["job_id"]) == ("done", job)
    assert [line["text"].partition(":")[0] for line in run["log"]] == [*EXPECTED, "published to the lake"]
    assert await bank.rows("SELECT version FROM party WHERE version <> 1") == []
    assert [row[0] for row in await bank.rows(EVENTS)] == [1]
    lake = bank.service.runtime.lake
    accepted = {name: counts[1] for name, counts in EXPECTED.items()}
    assert {name: lake.latest(name, "all").rows for name in EXPECTED} == accepted


async def test_a_cancelled_import_is_taken_back_and_then_goes_on_no_more(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = await dump(bank)
    job = (await bank.ask()).json()["id"]
    (run,) = (await bank.get("/v1/imports", "operator")).json()["items"]
    cancelling(bank, monkeypatch, "writing")(job)
    assert (await bank.go_on(job))["state"] == "cancelled"
    assert await dump(bank) != empty, "branches, staff and products stand"
    undo = await bank.service.client.post(
        f"/v1/imports/{run['import_id']}:undo", json={}, headers=bank.writer("operator")
    )
    assert (await bank.finish(undo))["result"]["undone"] is True
    assert await dump(bank) == empty
    assert (await bank.get(f"/v1/imports/{run['import_id']}", "operator")).json()["state"] == "undone"
    assert (await ask(bank, job, "resume")).status_code == 200
    late = await bank.go_on(job)
    assert (late["state"], late["error"]["code"]) == ("failed", "import_taken_back")
    assert await dump(bank) == empty
