"""D29, I73, L86, L87, M91 to M93: over every operation that has such a thing, from the document."""

from typing import Any
from uuid import uuid4

import pytest

from .conftest import DOCUMENT, OPERATIONS, SERVICES, WRITES, Bank, Operation, roles_with

PAGED = [o for o in OPERATIONS if any(p["name"] == "cursor" for p in o.of("query"))]
KEYED = [
    o
    for o in WRITES
    if "Idempotency-Key" in {p["name"] for p in DOCUMENT["paths"][o.path][o.method.lower()].get("parameters", [])}
]
SEARCHES = ("' OR 1=1--", "%_\\", "'; DROP TABLE party; --${jndi:ldap://x}{{7*7}}")


def required(operation: Operation) -> dict[str, Any]:
    return {p["name"]: p["example"] for p in operation.of("query") if p.get("required") and "example" in p}


def is_text(schema: dict[str, Any]) -> bool:
    """Whether a parameter takes any text: no number, no word of a list, no id or day."""
    options = schema.get("anyOf", [schema])
    return any(o.get("type") == "string" and not {"enum", "format"} & o.keys() for o in options)


async def statuses(bank: Bank, operation: Operation, **query: str) -> tuple[int, str]:
    headers = bank.as_role(roles_with(operation.scope)[0])
    answer = await bank.ask(operation, headers, params=required(operation) | query)
    return answer.status_code, answer.json().get("code", "")


async def test_d29_a_text_in_a_filter_is_a_text(bank: Bank) -> None:
    wrong = []
    for operation in (o for o in OPERATIONS if o.method == "GET" and not o.path.endswith("/stream")):
        for parameter in (p for p in operation.of("query") if is_text(p["schema"])):
            for text in SEARCHES:
                status, _ = await statuses(bank, operation, **{parameter["name"]: text})
                if status not in (200, 400, 403, 404, 422):
                    wrong.append((str(operation), parameter["name"], text, status))
    assert not wrong, "\n".join(map(str, wrong))


async def test_d29_what_is_sorted_by_is_on_a_list(bank: Bank) -> None:
    sorted_ = [o for o in OPERATIONS if any(p["name"] == "sort" for p in o.of("query"))]
    assert sorted_
    for operation in sorted_:
        for sort in ("name;drop", "customer_id", "income", "newest desc", ""):
            found = await statuses(bank, operation, sort=sort)
            assert found == (422, "invalid"), (str(operation), sort, found)


async def test_l86_pages_have_bounds(bank: Bank) -> None:
    assert len(PAGED) > 30
    for operation in PAGED:
        for limit in ("0", "-1", "201", "1000000000", "abc", "1e2", "", "٣"):
            assert (await statuses(bank, operation, limit=limit))[0] == 422, (str(operation), limit)
        assert (await statuses(bank, operation, offset="1000000000"))[0] == 422, str(operation)


async def test_l87_a_cursor_that_nobody_gave_is_refused(bank: Bank) -> None:
    refused = set()
    for operation in PAGED:
        for cursor in ("x", "AAAA", "eyJhIjoxfQ==", "../..", "9" * 1000):
            status, code = await statuses(bank, operation, cursor=cursor)
            # That a list is not the caller's, or of nothing there is, is said first.
            assert status in (400, 403, 404, 422), (str(operation), cursor, code)
            refused |= {str(operation)} if status == 400 else set()
    assert len(refused) > 30


KEYS = ("", "short", "x" * 65, "x" * 10_240, "sixteen spaces ..", "*", "ключключключключ".encode().decode("latin-1"))


async def test_i73_a_write_without_a_good_key_is_refused(bank: Bank) -> None:
    assert len(KEYED) > 40
    wrong = []
    for operation in KEYED:
        headers = bank.as_role(roles_with(operation.scope)[0])
        if "/files/" in operation.path:
            headers["Content-Type"] = "application/octet-stream"
        body: dict[str, Any] = {} if operation.body is None else {"json": operation.example}
        client = bank.services[operation.service].client
        for key in (None, *KEYS):
            sent = headers if key is None else headers | {"Idempotency-Key": key}
            raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
            answer = await client.request(operation.method, operation.url(), headers=raw, **body)
            if answer.status_code != 400:
                wrong.append((str(operation), key and key[:20], answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


async def test_m91_m92_nothing_is_kept_by_others_and_no_other_origin_is_let_in(bank: Bank) -> None:
    origin = {"Origin": "null", "Access-Control-Request-Method": "GET", "Cookie": "session=1"}
    for operation in (o for o in OPERATIONS if o.method == "GET" and not o.path.endswith("/stream")):
        answer = await bank.ask(operation, bank.as_role(roles_with(operation.scope)[0]) | origin)
        assert answer.headers["cache-control"] == "no-store", str(operation)
        assert not {name for name in answer.headers if name.startswith("access-control-") or name == "set-cookie"}
        client = bank.services[operation.service].client
        preflight = await client.request("OPTIONS", operation.url(), headers=origin)
        assert preflight.status_code == 405, str(operation)


async def test_m92_a_customer_is_no_style_sheet(bank: Bank) -> None:
    headers = bank.as_role("head_office")
    for tail in ("/1.css", ".css", "/x.js", "%2f1.css"):
        answer = await bank.services["customer_360"].client.get(f"/v1/customers/{uuid4()}{tail}", headers=headers)
        assert answer.status_code in (404, 422), tail
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/metrics", "/debug", "/", "/v1", "/.env", "/admin"]
)
async def test_m93_a_service_shows_nothing_beside_its_operations(bank: Bank, path: str) -> None:
    for name in SERVICES:
        for headers in ({}, bank.as_role("operator")):
            answer = await bank.services[name].client.get(path, headers=headers)
            assert answer.status_code == 404, (name, path)
