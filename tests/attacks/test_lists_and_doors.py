"""D29, D36, H66, H67, I73, L86, L87, M91 to M93: over every operation that has such a thing, from the document."""

from datetime import date, timedelta
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


NAMES = ("..%2fx", "%2e%2e", "a%0d%0aX:1", "a%00.csv", ".csv", "a%22.csv", "x" * 300, "%E2%80%AEvsc.csv", "a%20.csv%20")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_d36_a_file_has_a_name_and_no_path(bank: Bank, name: str) -> None:
    headers = bank.as_role("operator") | {"Content-Type": "application/octet-stream", "Idempotency-Key": uuid4().hex}
    path = f"/v1/imports/{uuid4()}/files/{name}"
    answer = await bank.services["customer_360"].client.put(path, headers=headers, content=b"a,b\n")
    assert answer.status_code in (404, 422), answer.text


async def test_h66_a_campaign_without_days_or_beyond_all_days(bank: Bank) -> None:
    operation = next(o for o in WRITES if str(o) == "PUT /v1/campaigns/{code}")
    headers = bank.as_role("marketer")
    for days in (0, -1, 121, 36_500, 1.5, "14", None):
        answer = await bank.ask(operation, headers, json=operation.example | {"window_business_days": days})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), days
    for share in (-0.01, 1.01, "0.1"):
        answer = await bank.ask(operation, headers, json=operation.example | {"control_share": share})
        assert answer.status_code == 422, share


async def test_h67_a_posting_lies_neither_ahead_of_the_clock_nor_before_all_ledgers(bank: Bank) -> None:
    operation = next(o for o in WRITES if str(o) == "POST /v1/ledger/postings")
    today = bank.services["eventing"].runtime.clock.business_date()
    for day in (today + timedelta(days=2), today + timedelta(days=3650), date(1899, 12, 31)):
        body = operation.example
        body["postings"][0]["business_date"] = day.isoformat()
        answer = await bank.ask(operation, bank.as_role("partner"), json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "posting_refused" if day > today else "invalid"), (
            day
        )
