"""A bad line between a service and its database ends in a clear answer within the caller's time (P-21)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from attune_service_kit.app import create_app
from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.database import Database
from attune_service_kit.runtime import Service
from attune_service_kit.testing_lines import Line

PATIENCE = {"X-Request-Timeout-Ms": "1500"}
TOLD = {
    "latency": {200},
    "slicer": {200},
    "bandwidth": {200},
    "down": {503},
    "reset_peer": {503},
    "limit_data": {503, 504},
    "timeout": {504},
}


@pytest.fixture
async def line(sample_database: Database) -> AsyncIterator[Line]:
    made = Line(urlsplit(sample_database.url).port or 0)
    await made.up()
    yield made
    await made.down()


@pytest.fixture
async def client(
    line: Line, sample_database: Database, sample_service: Service, sample_settings: Any, issuer: DevelopmentIssuer
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the sample service, whose database lies at the other end of the line."""
    url = sample_database.url.replace(f":{urlsplit(sample_database.url).port}/", f":{line.port}/")
    app = create_app(replace(sample_service), sample_settings(database_url=url))
    headers = {"Authorization": f"Bearer {issuer.issue('call_centre')[0]}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample", headers=headers) as made,
    ):
        yield made


async def test_p21_a_bad_line_to_the_database_is_told_in_time_and_used_again(
    client: httpx.AsyncClient, line: Line
) -> None:
    path = "/v1/notes/1"
    assert (await client.get(path)).status_code == 200
    for fault, told in TOLD.items():
        line.fault = fault
        if fault == "down":
            await line.down()
        async with asyncio.timeout(60):
            for answer in await asyncio.gather(*(client.get(path, headers=PATIENCE) for _ in range(3))):
                assert answer.status_code in told, (fault, answer.text)
        line.fault = None
        if fault == "down":
            await line.up()
        async with asyncio.timeout(60):
            while (await client.get(path, headers=PATIENCE)).status_code != 200:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
    assert line.calls > len(TOLD), "what was broken was not used again"
