"""A bad line between the gateway and a service ends in a clear answer in bounded time, and is used again afterwards.

The faults are those of toxiproxy, by their names there (P-21).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from attune_service_kit.breaker import SPARE
from attune_service_kit.testing_lines import Line

CUSTOMER = "/v1/customers/0190a7c0-0000-8000-8000-000000000001"
PATIENCE = 1.0
# What the caller is told, of each fault: the answer if the line is only slow.
TOLD = {
    "latency": (200, None),
    "slicer": (200, None),
    "bandwidth": (200, None),
    "slow_close": (200, None),
    "down": (503, "unavailable"),
    "reset_peer": (503, "unavailable"),
    "limit_data": (503, "unavailable"),
    "timeout": (504, "upstream_timeout"),
}


@pytest.fixture
async def line(echoes: Any) -> AsyncIterator[Line]:
    made = Line(urlsplit(echoes["urls"]["customer_360"]).port or 0)
    await made.up()
    yield made
    await made.down()


@pytest.mark.parametrize("fault", TOLD)
async def test_p21_a_bad_line_is_told_in_time_and_used_again(
    fault: str, line: Line, echoes: Any, make_gateway: Any, serve: Any, bearer: Any
) -> None:
    urls = echoes["urls"] | {"customer_360": f"http://127.0.0.1:{line.port}"}
    url = await serve(make_gateway(urls, total_seconds=PATIENCE))
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        line.fault = fault
        if fault == "down":
            await line.down()
        answers = await asyncio.gather(*(client.get(CUSTOMER, headers=bearer) for _ in range(3)))
        for answer in answers:
            assert (answer.status_code, answer.json().get("code")) == TOLD[fault]
            assert answer.status_code != 503 or int(answer.headers["retry-after"]) >= 1
        assert line.calls <= 3 + SPARE, "what was lost is not asked again and again"
        beside = await client.get("/v1/decisions/a", headers=bearer)
        assert beside.status_code == 200, "the other service's callers notice nothing"
        line.fault = None
        if fault == "down":
            await line.up()
        assert (await client.get(CUSTOMER, headers=bearer)).status_code == 200


async def test_p21_a_service_that_is_silent_takes_no_place_of_others(
    line: Line, echoes: Any, make_gateway: Any, serve: Any, bearer: Any
) -> None:
    """Its callers would fill the gateway, if all of them waited for its few connections until their time is over."""
    urls = echoes["urls"] | {"customer_360": f"http://127.0.0.1:{line.port}"}
    settings = {"connections": 2, "max_in_flight": 8, "connect_seconds": 0.2, "total_seconds": 20.0}
    url = await serve(make_gateway(urls, **settings))
    line.fault = "timeout"
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        waiting = [asyncio.create_task(client.get(CUSTOMER, headers=bearer)) for _ in range(8)]
        told, held = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        while len(held) > 2:
            more, held = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
            told |= more
        assert {task.result().status_code for task in told} == {503}
        assert (await client.get("/v1/decisions/a", headers=bearer)).status_code == 200
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
