import asyncio
import contextlib
from typing import Any

import httpx
import pytest

from gateway.refusals import MethodNotAllowed

CUSTOMER = "/v1/customers/0190a7c0-0000-8000-8000-000000000001"


def code(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body["detail"]) == {"en", "zh"}
    assert body["request_id"] == response.headers["x-request-id"]
    return str(body["code"])


# --- refused first ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic dTpw"},
        {"Authorization": "Bearer"},
        {"X-User-ID": "M0417", "X-Branch": "*"},
    ],
)
async def test_without_a_valid_token_nothing_goes_on(client: Any, echoes: Any, headers: dict[str, str]) -> None:
    response = await client.get(CUSTOMER, headers=headers)
    assert (response.status_code, code(response)) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"
    assert echoes["customer_360"].requests == []


@pytest.mark.parametrize("path", ["/v1/unknown", "/v1/customers/a/b", "/admin", "/v1/customers/a%2fnext-best-actions"])
async def test_an_unknown_path_is_404(client: Any, bearer: Any, path: str) -> None:
    response = await client.get(path, headers=bearer)
    assert (response.status_code, code(response)) == (404, "not_found")


async def test_a_wrong_method_is_405_and_names_the_right_ones(client: Any, bearer: Any) -> None:
    response = await client.delete(CUSTOMER, headers=bearer)
    assert (response.status_code, code(response)) == (405, MethodNotAllowed.code)
    assert response.headers["allow"] == "GET, PATCH"


async def test_long_addresses_and_headers_are_refused(client: Any, bearer: Any) -> None:
    assert (await client.get(CUSTOMER + "?q=" + "x" * 9000, headers=bearer)).status_code == 414
    assert (await client.get(CUSTOMER, headers=bearer | {"X-Long": "x" * 33_000})).status_code == 431
    assert (await client.get(CUSTOMER, headers=bearer | {f"X-{i}": "1" for i in range(120)})).status_code == 431


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(
    client: Any, bearer: Any, echoes: Any
) -> None:
    response = await client.post("/v1/imports", headers=bearer, content=b"x" * ((1 << 20) + 1))
    assert (response.status_code, code(response), response.json()["max_bytes"]) == (413, "too_large", 1 << 20)
    assert echoes["customer_360"].received == 0


async def test_a_streamed_body_is_cut_at_the_limit(client: Any, bearer: Any, echoes: Any) -> None:
    async def endless() -> Any:
        for _ in range(1000):
            yield b"x" * 65536

    try:
        response = await client.post("/v1/imports", headers=bearer, content=endless())
        assert (response.status_code, code(response)) == (413, "too_large")
    except httpx.WriteError:  # the gateway answered and closed while the client was still sending
        pass
    assert echoes["customer_360"].received <= 1 << 20
    assert (await client.get(CUSTOMER, headers=bearer)).status_code == 200


async def test_an_upstream_that_is_down_is_503_with_retry_after(make_gateway: Any, serve: Any, bearer: Any) -> None:
    nobody = "http://127.0.0.1:9"
    url = await serve(make_gateway({"customer_360": nobody, "campaign": nobody}))
    async with httpx.AsyncClient(base_url=url) as client:
        response = await client.get(CUSTOMER, headers=bearer)
        assert (response.status_code, code(response)) == (503, "unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert response.json()["upstream"] == "customer_360"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["upstreams"]) == (503, {"customer_360": False, "campaign": False})


async def test_an_upstream_that_does_not_answer_is_504(make_gateway: Any, serve: Any, echoes: Any, bearer: Any) -> None:
    async def never(receive: Any, send: Any) -> None:
        await asyncio.sleep(30)

    echoes["customer_360"].paths[CUSTOMER] = never
    url = await serve(make_gateway(echoes["urls"], total_seconds=0.3))
    async with httpx.AsyncClient(base_url=url) as client:
        response = await client.get(CUSTOMER, headers=bearer)
        assert (response.status_code, code(response)) == (504, "upstream_timeout")


async def test_a_gateway_without_an_address_for_a_service_does_not_start(make_gateway: Any) -> None:
    with pytest.raises(ValueError, match="campaign"):
        make_gateway({"customer_360": "http://127.0.0.1:9"})


# --- routed ----------------------------------------------------------------------------------------------------------


async def test_requests_reach_the_service_of_their_template(client: Any, bearer: Any) -> None:
    async def answered_by(method: str, path: str) -> str:
        return str((await client.request(method, path, headers=bearer)).json()["service"])

    assert await answered_by("GET", CUSTOMER) == "customer_360"
    assert await answered_by("GET", CUSTOMER + "/next-best-actions?channel=counter") == "campaign"
    assert await answered_by("POST", "/v1/decisions/n-1:present") == "campaign"


async def test_path_query_body_and_headers_arrive_as_they_were_sent(client: Any, bearer: Any) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    response = await client.post(
        "/v1/imports?a=%E5%AE%A2&b=1+2",
        content=b'{"a": 1}',
        headers=bearer
        | {
            "Content-Type": "application/json",
            "Idempotency-Key": "k" * 16,
            "traceparent": traceparent,
            "X-Request-Id": "request-0001",
            "X-Forwarded-For": "6.6.6.6",
            "X-Forwarded-Host": "evil.example",
            "Connection": "X-Hop",
            "X-Hop": "1",
            "TE": "trailers",
        },
    )
    got = response.json()
    assert (got["query"], got["size"]) == ("a=%E5%AE%A2&b=1+2", 8)
    headers = got["headers"]
    assert headers["idempotency-key"] == "k" * 16
    assert headers["traceparent"] == traceparent
    assert headers["x-request-id"] == "request-0001" == response.headers["x-request-id"]
    assert headers["authorization"] == bearer["Authorization"]
    assert headers["content-length"] == "8"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers.keys().isdisjoint({"x-forwarded-host", "x-hop", "te", "transfer-encoding"})
    assert response.headers["x-own"] == "kept"


async def test_large_bodies_pass_in_pieces(client: Any, bearer: Any) -> None:
    async def pieces() -> Any:
        for _ in range(16):
            yield b"x" * 65536

    response = await client.post("/v1/imports", headers=bearer, content=pieces())
    assert response.json()["size"] == 16 * 65536
    assert (await client.post("/v1/imports", headers=bearer, content=b"y" * 1_000_000)).json()["size"] == 1_000_000


async def test_an_answer_of_any_size_and_status_comes_back(client: Any, echoes: Any, bearer: Any) -> None:
    async def large(receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": [(b"etag", b'"7"')]})
        for _ in range(20):
            await send({"type": "http.response.body", "body": b"z" * 100_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    echoes["customer_360"].paths[CUSTOMER] = large
    response = await client.get(CUSTOMER, headers=bearer)
    assert (response.status_code, len(response.content), response.headers["etag"]) == (418, 2_000_000, '"7"')


async def test_a_304_that_names_a_length_has_no_body(make_gateway: Any, serve: Any, bearer: Any) -> None:
    async def unchanged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b'HTTP/1.1 304 Not Modified\r\netag: "7"\r\ncontent-length: 5\r\n\r\n')
        writer.close()

    async with await asyncio.start_server(unchanged, "127.0.0.1", 0) as server:
        upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        url = await serve(make_gateway({"customer_360": upstream, "campaign": upstream}))
        async with httpx.AsyncClient(base_url=url) as client:
            for _ in range(2):
                response = await client.get(CUSTOMER, headers=bearer)
                assert (response.status_code, response.headers["etag"], response.content) == (304, '"7"', b"")


async def test_a_made_up_request_id_is_replaced_when_it_is_no_plain_token(client: Any, bearer: Any) -> None:
    response = await client.get(CUSTOMER, headers=bearer | {"X-Request-Id": "<script>"})
    assert len(response.headers["x-request-id"]) == 32
    assert response.json()["headers"]["x-request-id"] == response.headers["x-request-id"]


async def test_an_upstream_that_comes_back_is_used_again(
    make_gateway: Any, serve: Any, restartable: Any, bearer: Any
) -> None:
    url = await serve(make_gateway({"customer_360": restartable.url, "campaign": restartable.url}))
    async with httpx.AsyncClient(base_url=url) as client:
        await restartable.start()
        assert (await client.get(CUSTOMER, headers=bearer)).status_code == 200
        await restartable.stop()
        assert (await client.get(CUSTOMER, headers=bearer)).status_code == 503
        await restartable.start()
        assert (await client.get(CUSTOMER, headers=bearer)).status_code == 200


# --- the gateway's own pages -----------------------------------------------------------------------------------------


async def test_the_api_page_needs_nothing_from_elsewhere(client: Any) -> None:
    assert (await client.get("/")).headers["location"] == "/docs"
    docs = await client.get("/docs")
    assert docs.status_code == 200
    policy = docs.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "http" not in docs.text.replace("<!doctype html>", "")
    for part in ("start.js", "static/swagger-ui-bundle.js", "static/swagger-ui.css", "openapi.json"):
        assert (await client.get(f"/docs/{part}")).status_code == 200
    assert (await client.get("/docs/openapi.json")).json()["openapi"] == "3.0.3"
    assert (await client.get("/openapi.json")).json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/start.js", "/docs/static/swagger-ui.css", "/openapi.json"])
async def test_m93_a_bank_that_wants_none_shows_no_documents(
    make_gateway: Any, serve: Any, echoes: Any, bearer: Any, path: str
) -> None:
    url = await serve(make_gateway(echoes["urls"], documents=False))
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.get(path, headers=bearer)).status_code == 404
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize("path", ["/docs/static/../app.py", "/docs/static/%2e%2e/__init__.py", "/docs/none"])
async def test_the_api_page_shows_nothing_else(client: Any, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_probes(client: Any, echoes: Any) -> None:
    assert (await client.get("/livez")).text == "ok"
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["upstreams"]) == (200, {"customer_360": True, "campaign": True})
    assert ready.json()["breakers"]["campaign"] == {"state": "closed", "opened": 0, "repeated": 0}
    assert (await client.post("/livez")).status_code == 405
