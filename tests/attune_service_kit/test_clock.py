"""Business time: told by eventing, kept per partition, never going back."""

from datetime import UTC, date, datetime, timedelta
from types import ModuleType

from attune_contracts.eventing import ClockAdvanced
from attune_service_kit import clock
from attune_service_kit.clock import BEGINNING, BusinessClock
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.testing import Publish, StartService, eventually

EVENING = datetime(2026, 3, 17, 16, 30, tzinfo=UTC)  # half past midnight of the 18th in Shanghai


def business_clock(**settings: object) -> BusinessClock:
    return BusinessClock(ServiceSettings.model_construct(**({"clock": "events", "zone": "Asia/Shanghai"} | settings)))


def test_the_wall_clock_is_now() -> None:
    told = business_clock(clock="wall").now()
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


def test_untold_time_is_before_every_banks_first_day() -> None:
    assert business_clock().now() == BEGINNING


def test_the_business_date_is_the_banks_zones() -> None:
    told = business_clock()
    told.set(EVENING)
    assert told.business_date() == date(2026, 3, 18)
    elsewhere = business_clock(zone="Europe/Prague")
    elsewhere.set(EVENING)
    assert elsewhere.business_date() == date(2026, 3, 17)


def test_time_never_goes_back_and_tells_only_real_advances() -> None:
    told, heard = business_clock(), list[datetime]()
    told.on_advance(heard.append)
    for minutes in (0, 5, 3, 5, 9):
        told.set(EVENING + timedelta(minutes=minutes))
    assert heard == [EVENING + timedelta(minutes=m) for m in (0, 5, 9)]
    assert told.now() == EVENING + timedelta(minutes=9)


def test_a_failing_listener_stops_no_other() -> None:
    told, heard = business_clock(), list[datetime]()
    told.on_advance(lambda _: 1 // 0)
    told.on_advance(heard.append)
    told.set(EVENING)
    assert heard == [EVENING]


async def test_a_told_time_is_kept_and_survives_a_restart(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    service = await start_service(delivery.SERVICE, clock="events")
    later = EVENING + timedelta(hours=1)
    await publish(
        ClockAdvanced(now=later, business_date=date(2026, 3, 18), partition=2),
        ClockAdvanced(now=EVENING, business_date=date(2026, 3, 18), partition=5),
    )
    pool = service.runtime.worker_database.pool

    async def stored() -> bool:
        rows = await pool.fetch("SELECT partition, now FROM business_clock ORDER BY partition")
        return [tuple(row) for row in rows] == [(2, later), (5, EVENING)]

    await eventually(stored)
    await eventually(lambda: _equal(service.runtime.clock.now(), later))
    async with service.runtime.database.transaction() as tx:
        assert tx.now == later
    await service.stop()
    again = await start_service(
        delivery.SERVICE, clock="events", database=service.settings.database_url.rpartition("/")[2]
    )
    assert again.runtime.clock.now() == later


async def test_an_app_without_consumers_follows_its_worker(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    worker = await start_service(delivery.SERVICE, clock="events")
    name = worker.settings.database_url.rpartition("/")[2]
    app = await start_service(delivery.SERVICE, worker=False, clock="events", database=name)
    await publish(ClockAdvanced(now=EVENING, business_date=date(2026, 3, 18), partition=0))
    await eventually(lambda: _equal(app.runtime.clock.now(), EVENING))
    assert app.runtime.clock.business_date() == date(2026, 3, 18)


async def test_eventing_moves_time_on_for_every_partition(start_service: StartService, delivery: ModuleType) -> None:
    service = await start_service(delivery.SERVICE, clock="events", worker=False)
    runtime = service.runtime
    async with runtime.database.transaction() as tx:
        await clock.advance(runtime, tx, EVENING)
        assert runtime.clock.now() == BEGINNING
    assert runtime.clock.now() == EVENING
    rows = await runtime.database.pool.fetch("SELECT partition, type FROM outbox ORDER BY seq")
    assert [tuple(row) for row in rows] == [(n, ClockAdvanced.TYPE) for n in range(8)]


async def _equal(left: object, right: object) -> bool:
    return left == right
