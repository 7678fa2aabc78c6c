"""Files through the gateway: as large as their operation takes them, as they come, and no larger."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from attune_service_kit.settings import ServiceSettings
from attune_service_kit.testing import RunningService, StartService
from scoring.app import SERVICE
from scoring.matrices import MOST_BYTES as LARGEST_MATRIX
from scoring.uploads import MOST_BYTES as LARGEST_MODEL

GATEWAY = Path(__file__).resolve().parents[2] / "gateway" / "src" / "gateway"
ROUTES: list[dict[str, Any]] = json.loads((GATEWAY / "routes.json").read_text("utf-8"))
DOCUMENT: dict[str, Any] = json.loads((GATEWAY / "openapi.json").read_text("utf-8"))
FILE = "/v1/imports/a/files/b.csv"
MOST = 3 << 20
TABLE = [
    {"method": "PUT", "path": "/v1/imports/{id}/files/{name}", "service": "customer_360", "max_body_bytes": MOST},
    {"method": "POST", "path": "/v1/imports", "service": "customer_360"},
]


class Counting:
    """An upstream that counts the bytes as they come, and says how many there were."""

    def __init__(self) -> None:
        self.bytes = 0
        self.begun = asyncio.Event()
        self.patience = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.patience = dict(scope["headers"])[b"x-request-timeout-ms"].decode()
        self.bytes, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.bytes += len(message.get("body", b""))
            more = message.get("more_body", False)
            if self.bytes:
                self.begun.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(self.bytes).encode()})


@pytest.fixture
def files() -> Counting:
    return Counting()


@pytest.fixture
async def client(make_gateway: Any, serve: Any, files: Counting) -> Any:
    """A client of a gateway with a second's patience, and as much more as a file takes at 1 MiB a second."""
    upstream = await serve(files, lifespan="off")
    settings = {"total_seconds": 1.0, "upload_bytes_per_second": 1 << 20}
    url = await serve(make_gateway({"customer_360": upstream}, TABLE, **settings))
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield http


async def test_a_file_is_handed_on_while_it_comes_up_to_its_operations_limit(
    client: httpx.AsyncClient, files: Counting, bearer: dict[str, str]
) -> None:
    async def pieces() -> Any:
        yield b"x" * (1 << 20)
        async with asyncio.timeout(20):
            await files.begun.wait()  # what has been sent has arrived, before the rest is there
        await asyncio.sleep(1.2)  # longer than any other operation may take
        yield b"x" * (2 << 20)

    for content in (pieces(), b"y" * MOST):
        sent = await client.put(FILE, content=content, headers=bearer)
        assert (sent.status_code, sent.text) == (200, str(MOST))
        assert files.patience == "4000"


async def test_a_byte_more_is_413_and_the_answer_names_the_limit(
    client: httpx.AsyncClient, files: Counting, bearer: dict[str, str]
) -> None:
    async def pieces(size: int) -> Any:
        for start in range(0, size, 65_536):
            yield b"x" * min(65_536, size - start)

    for method, path, most in (("PUT", FILE, MOST), ("POST", "/v1/imports", 1 << 20)):
        for content in (b"x" * (most + 1), pieces(most + 1)):
            refused = await client.request(method, path, content=content, headers=bearer)
            assert (refused.status_code, refused.json()["code"], refused.json()["max_bytes"]) == (
                413,
                "too_large",
                most,
            )
    assert files.bytes <= MOST
    assert (await client.put(FILE, content=b"x", headers=bearer)).text == "1"


def test_every_operation_that_takes_bytes_names_its_limit_in_document_and_routes() -> None:
    named = {(row["method"], row["path"]): row["max_body_bytes"] for row in ROUTES if "max_body_bytes" in row}
    takes_bytes = {
        (method.upper(), path): operation.get("x-max-body-bytes")
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if "application/octet-stream" in operation.get("requestBody", {}).get("content", {})
    }
    assert takes_bytes == named == {
        ("PUT", "/v1/imports/{import_id}/files/{name}"): ServiceSettings.model_fields["max_upload_bytes"].default,
        ("PUT", "/v1/model-uploads/files/{file_id}"): LARGEST_MODEL,
        ("POST", "/v1/scores:matrix"): LARGEST_MATRIX,
    }  # fmt: skip


async def test_a_model_in_one_piece_reaches_scoring_and_one_that_is_too_large_is_told_so(
    start_service: StartService, make_gateway: Any, serve: Any, token: Any
) -> None:
    scoring: RunningService = await start_service(SERVICE, worker=False)
    upstream = await serve(scoring.app, lifespan="off")
    url = await serve(make_gateway(dict.fromkeys({row["service"] for row in ROUTES}, upstream), ROUTES))
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:

        async def put(content: bytes, offset: int, file_id: str, key: str) -> httpx.Response:
            headers = token("model_admin") | {"Idempotency-Key": key, "Content-Type": "application/octet-stream"}
            path = f"/v1/model-uploads/files/{file_id}?offset={offset}"
            return await http.put(path, content=content, headers=headers)

        file_id, key = str(uuid4()), uuid4().hex
        first = await put(b"a" * (12 << 20), 0, file_id, key)
        assert (first.status_code, first.json()["bytes"]) == (200, 12 << 20)
        again = await put(b"a" * (12 << 20), 0, file_id, key)
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
        other = await put(b"b" * (12 << 20), 0, file_id, key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused"), "nobody said its digest"
        rest = await put(b"a" * (40 << 20), 12 << 20, file_id, uuid4().hex)
        assert (rest.status_code, rest.json()["max_bytes"]) == (413, LARGEST_MODEL), "the service counts the parts"
        whole = await put(b"a" * (LARGEST_MODEL + 1), 0, str(uuid4()), uuid4().hex)
        assert (whole.status_code, whole.json()["max_bytes"]) == (413, LARGEST_MODEL)
