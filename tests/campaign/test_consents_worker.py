"""Consents as the worker takes them in: told over NATS in any order, and for everybody from the lake."""

from pathlib import Path
from typing import Any
from uuid import UUID

from attune_contracts import datasets
from attune_contracts.customer_360 import ProfileChanged
from attune_contracts.pointer import Pointer
from attune_service_kit import job_process
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from campaign.app import SERVICE

from .conftest import NOW, SECRET, add_customer, deposit, person, pick, raised, write
from .test_consents import changed
from .test_worker import bank_files, consents, counts


async def test_what_is_told_late_is_older_than_what_is_held(start_service: StartService, publish: Publish) -> None:
    service = await start_service(SERVICE, clock="events", arm_secret=SECRET)
    first, second = await pick(service, "treated", 2)
    stranger = person(9999)
    async with service.everything.pool.acquire() as conn:
        for customer in (first, second):
            await add_customer(conn, customer)
    await publish(raised(first), raised(second), time=NOW)

    async def opened() -> bool:
        return await counts(service) == {"open": 2}

    await eventually(opened, what="the opportunities")
    withdrawn = changed(first, 3, (None, None, False))
    # Consents may come before their customer is known.
    await publish(changed(stranger, 1, ("sms", None, True)), withdrawn, changed(first, 2, (None, None, True)), time=NOW)

    async def ended() -> bool:
        held = await service.everything.pool.fetchval("SELECT count(*) FROM inbox")
        return held == 5 and await counts(service) == {"open": 1, "suppressed": 1}

    await eventually(ended, timeout=5, what="the withdrawal")  # P-12
    assert await counts(service, "task") == {"open": 1, "closed": 1}
    assert await counts(service, "contact") == {"reserved": 1, "released": 1}
    granted = await service.everything.pool.fetchval(
        "SELECT granted FROM proj_consent WHERE customer_id = $1 AND purpose = 'marketing_contact'", first
    )
    assert granted is False


async def load(service: RunningService, *pointers: Pointer) -> Any:
    """Run the job that an import's end starts, in this process; return what it has done."""
    params = {"pointers": [p.model_dump(mode="json") for p in pointers]}
    async with service.runtime.worker_database.transaction() as tx:
        job = await service.runtime.jobs.start(tx, "load-import", params)
    runtime = make_runtime(SERVICE, service.settings, "job")
    async with running(runtime):
        assert await job_process._attempt(runtime, job, None) == 0
    async with service.runtime.worker_database.transaction() as tx:
        done = await service.runtime.jobs.view(tx, job)
    assert done.state == "done", done.error
    return done.result


async def marketing(service: RunningService) -> set[tuple[UUID, bool, int]]:
    rows = await service.everything.pool.fetch(
        "SELECT customer_id, granted, version FROM proj_consent WHERE purpose = 'marketing_contact'"
    )
    return {(r[0], r[1], r[2]) for r in rows}


async def test_a_file_withdraws_as_an_event_does(service: RunningService, lake_dir: Path) -> None:
    first, second = await pick(service, "treated", 2)
    assert (await load(service, *bank_files(lake_dir, first, second)))["consents"] == 4
    for customer in (first, second):
        await deposit(service, customer)
    assert await counts(service) == {"open": 2}
    await service.everything.pool.execute("UPDATE proj_consent SET version = 3 WHERE customer_id = $1", first)
    # The next file: both have refused, says the bank; of the first customer a newer word is known here.
    refused = [{**row, "granted": False, "version": 2} for c in (first, second) for row in consents(c)]
    result = await load(service, write(lake_dir, datasets.CONSENTS, "all", refused))
    assert result["ended"] == 3  # the opportunity, its task and its contact
    assert await marketing(service) == {(first, True, 3), (second, False, 2)}
    assert await counts(service) == {"open": 1, "suppressed": 1}
    assert await counts(service, "contact") == {"reserved": 1, "released": 1}


async def test_who_switches_personalisation_off_is_no_longer_waited_for(
    start_service: StartService, publish: Publish
) -> None:
    service = await start_service(SERVICE, clock="events", arm_secret=SECRET)
    first, second = await pick(service, "treated", 2)
    for customer in (first, second):
        await deposit(service, customer)
    off = ProfileChanged(customer_id=first, version=2, party_kind="person", branch_id="B1", personalisation=False)
    await publish(off, off.model_copy(update={"customer_id": second, "personalisation": True}), time=NOW)

    async def ended() -> bool:
        rows = await service.runtime.worker_database.pool.fetch("SELECT customer_id, state, reason FROM opportunity")
        return {tuple(r) for r in rows} == {(first, "suppressed", "personalisation_off"), (second, "open", None)}

    await eventually(ended, what="personalisation off")
    assert await counts(service, "task") == {"open": 1, "closed": 1}
