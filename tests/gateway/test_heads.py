import pytest

from attune_service_kit.errors import BadRequest
from gateway import heads
from gateway.proxy import allowance, build_request
from gateway.settings import GatewaySettings

SETTINGS = GatewaySettings(
    environment="test",
    upstreams={},
    token_issuer="https://login.bank.example",
    token_jwks="x",
    total_seconds=30,
    max_body_bytes=2048,
    upload_bytes_per_second=1024,
)


def test_what_belongs_to_this_hop_or_to_the_gateway_does_not_go_on() -> None:
    stays = (
        b"host connection keep-alive te trailer upgrade expect proxy-authorization forwarded x-real-ip x-forwarded-for"
    )
    stays += b" x-forwarded-host x-request-id x-correlation-id content-length transfer-encoding x-request-timeout-ms"
    goes = [(b"authorization", b"Bearer x"), (b"x-own", b"1"), (b"x-own", b"2"), (b"traceparent", b"00-1")]
    head = heads.read([*((name, b"v") for name in stays.split()), *goes])
    assert head.onward == goes
    assert head.count == len(stays.split()) + 4
    assert head.size == len(stays.replace(b" ", b"")) + len(stays.split()) + sum(len(n) + len(v) for n, v in goes)


def test_what_the_connection_names_stays_here() -> None:
    head = heads.read([(b"connection", b"close, X-Hop"), (b"x-hop", b"1"), (b"connection", b"x-too"), (b"x-too", b"1")])
    assert head.onward == []


def test_a_header_that_comes_twice_is_a_list() -> None:
    head = heads.read([(b"authorization", b"Bearer a"), (b"range", b"bytes=0-1"), (b"authorization", b"Bearer b")])
    assert head.own == {b"authorization": b"Bearer a,Bearer b", b"range": b"bytes=0-1"}


@pytest.mark.parametrize(
    ("said", "milliseconds"),
    [(None, 30_000), (b"250", 250), (b"60000", 30_000), (b"soon", 30_000), (b"-1", 30_000), (b"0", 0)],
)
def test_the_service_gets_what_is_left_of_the_callers_patience(said: bytes | None, milliseconds: int) -> None:
    head = heads.read([] if said is None else [(b"x-request-timeout-ms", said)])
    assert head.patience(30.0) * 1000 == milliseconds


@pytest.mark.parametrize("length", [b"", b"+5", b"5,5", b"0x5", b" 5", b"-0"])
def test_a_length_that_reads_in_two_ways_is_none(length: bytes) -> None:
    assert heads.read([(b"content-length", length)]).length is None


def test_a_length_counts_nothing_beside_a_transfer_coding() -> None:
    head = heads.read([(b"transfer-encoding", b"chunked"), (b"content-length", b"5")])
    assert (head.length, head.coded) == (None, True)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        (b"/v1/x", (b"x-own", b"1\r\nhost: evil")),
        (b"/v1/x", (b"x-own", b"1\nx: 2")),
        (b"/v1/x", (b"x\r", b"1")),
        (b"/v1/x HTTP/1.1\r\nhost: evil\r\n\r\n", (b"x-own", b"1")),
        (b"/v1/x HTTP/1.0", (b"x-own", b"1")),
    ],
)
def test_no_line_can_be_put_into_a_request_even_past_the_parser(path: bytes, header: tuple[bytes, bytes]) -> None:
    scope = {"method": "GET", "raw_path": path, "query_string": b"", "client": ("192.0.2.1", 1)}
    with pytest.raises(BadRequest):
        build_request(scope, heads.read([header]), b"", b"service:80", ("a" * 8, "b" * 8), 30.0)


def test_a_request_as_the_service_gets_it() -> None:
    scope = {"method": "POST", "raw_path": b"/v1/x", "query_string": b"a=%20", "client": ("192.0.2.1", 1)}
    head = heads.read([(b"host", b"attune.example"), (b"content-length", b"2"), (b"x-own", b"1")])
    request = build_request(scope, head, b"{}", b"service:80", ("a" * 8, "b" * 8), 30.0)
    assert request.head.split(b"\r\n") == [
        b"POST /v1/x?a=%20 HTTP/1.1",
        b"host: service:80",
        b"x-own: 1",
        b"x-request-id: aaaaaaaa",
        b"x-correlation-id: bbbbbbbb",
        b"x-request-timeout-ms: 30000",
        b"x-forwarded-for: 192.0.2.1",
        b"content-length: 2",
        b"",
        b"",
    ]


def length(said: int) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", b"%d" % said)]


@pytest.mark.parametrize(
    ("own", "headers", "most", "seconds"),
    [
        (None, length(4096), 2048, 30.0),
        (4096, length(2048), 4096, 32.0),
        (4096, length(10**12), 4096, 34.0),
        (4096, [(b"transfer-encoding", b"chunked")], 4096, 34.0),
        (1024, length(2048), 2048, 32.0),
    ],
)
def test_an_operation_that_takes_bytes_has_its_own_limit_and_the_time_for_them(
    own: int | None, headers: list[tuple[bytes, bytes]], most: int, seconds: float
) -> None:
    assert allowance(own, heads.read(headers), SETTINGS) == (most, seconds)
