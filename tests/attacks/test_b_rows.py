"""B16, B17, B24 as a matrix: role × operation × {own, foreign, none} × {path, query, body, list, file}.

It is made from the document. What belongs to another branch, or to another customer, is answered as what there is not:
same status, same body. A new operation is in it without a line here; an id of a new kind has to be told apart first, in
two_branches.py.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from attune_contracts.access import CUSTOMER_ROLES, ROLE_SCOPES, WHOLE_BANK_ROLES
from attune_service_kit.embedded import EmbeddedPostgres

from .conftest import DOCUMENT, FOREIGN_BRANCH, OPERATIONS, OWN_BRANCH, Bank, Operation, roles_with
from .two_branches import BOUND, IDS, NAMES, OF_THE_BANK, id_of, settle_in

BOUND_ROLES = sorted(ROLE_SCOPES.keys() - WHOLE_BANK_ROLES)
# What is proposed to everybody is proposed to whom nobody knows, and the answer says so: never personalised.
FOR_EVERYBODY = {
    "GET /v1/customers/{customer_id}/next-best-actions",
    "GET /v1/customers/{customer_id}/offers/{code}/why",
}
# Where a row of one's own is more than a row: shown there.
SHOWN_ELSEWHERE = {"GET /v1/features/{customer_id}": "tests/insight/test_segments.py"}
MARKS = [found.foreign for name, found in IDS.items() if name not in ("branch_id", "employee_id", "manager_id")]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def fields(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of a body that hold an id."""
    schema = resolved(schema)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from fields(option, path)
    if schema.get("type") == "array":
        yield from fields(schema.get("items", {}), (*path, "[]"))
    for name, inner in schema.get("properties", {}).items():
        if name.endswith(("_id", "_ids")):
            yield (*path, name)
        yield from fields(inner, (*path, name))


def kind(name: str) -> str:
    """`customer_ids` are ids of `customer_id`."""
    return name.removesuffix("s") if name.endswith("_ids") else name


def ids_of(operation: Operation) -> set[str]:
    """Every kind of id that an operation takes, wherever."""
    found = {p["name"] for p in operation.of("path")}
    found |= {p["name"] for p in operation.of("query") if p["name"].endswith("_id")}
    if operation.body:
        found |= {path[-1] for path in fields(operation.body["schema"])}
    return {kind(name) for name in found}


def askers(bank: Bank, operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    """Those who are bound to a branch or a customer, and may call the operation."""
    for role in roles_with(operation.scope):
        if role in BOUND_ROLES:
            yield role, bank.as_role(role)


def told(answer: httpx.Response) -> tuple[int, Any]:
    """Status and body, without what is new with every request."""
    body = answer.json() if answer.content else None
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ("request_id", "decision_id", "as_of")}
    return answer.status_code, body


@pytest.fixture
async def two(bank: Bank, postgres_server: EmbeddedPostgres) -> Bank:
    """The services with a customer in each of two branches."""
    await settle_in(bank, postgres_server)
    return bank


def test_b16_every_kind_of_id_is_told_apart() -> None:
    new = {(str(o), name) for o in OPERATIONS for name in ids_of(o) if name not in {*IDS, *OF_THE_BANK, *NAMES}}
    assert not new, f"say in two_branches.py whose these are: {sorted(new)}"


def test_b16_what_is_the_banks_is_asked_for_by_nobody_of_a_branch() -> None:
    mixed = {
        (str(o), role)
        for o in OPERATIONS
        if any(p["name"] in OF_THE_BANK for p in o.of("path"))
        for role in roles_with(o.scope)
        if role in BOUND_ROLES
    }
    assert not mixed


async def by_path(bank: Bank, operation: Operation, headers: dict[str, str], whose: str) -> httpx.Response:
    ids = {p["name"]: getattr(IDS[p["name"]], whose) for p in operation.of("path") if p["name"] in IDS}
    query = {p["name"]: p["example"] for p in operation.of("query") if p.get("required") and "example" in p}
    body = {} if operation.body is None else {"json": operation.example}
    return await bank.ask(operation, headers, url=operation.url(**ids), params=query, **body)


async def test_b16_a_foreign_id_in_the_path_is_an_unknown_one(two: Bank) -> None:
    wrong = []
    asked = 0
    for operation in (o for o in OPERATIONS if any(p["name"] in IDS for p in o.of("path"))):
        for role, headers in askers(two, operation):
            foreign = told(await by_path(two, operation, headers, "foreign"))
            unknown = told(await by_path(two, operation, headers, "unknown"))
            asked += 1
            right = 200 if str(operation) in FOR_EVERYBODY and role not in CUSTOMER_ROLES else 400
            if foreign != unknown or foreign[0] < right:
                wrong.append((role, str(operation), foreign, unknown))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 50


async def test_b16_one_own_is_answered_so_that_the_refusals_say_something(two: Bank) -> None:
    silent = []
    for operation in (o for o in OPERATIONS if o.method == "GET" and any(p["name"] in IDS for p in o.of("path"))):
        answers = [(role, await by_path(two, operation, headers, "own")) for role, headers in askers(two, operation)]
        if str(operation) in SHOWN_ELSEWHERE:
            continue
        if answers and not any(answer.status_code == 200 for _, answer in answers):
            silent.append((str(operation), [(role, answer.status_code, answer.text[:200]) for role, answer in answers]))
    assert not silent, "\n".join(map(str, silent))


async def test_b17_a_foreign_id_in_a_query_is_an_unknown_one(two: Bank) -> None:
    wrong = []
    for operation in OPERATIONS:
        for parameter in (p for p in operation.of("query") if p["name"] in IDS):
            found = IDS[parameter["name"]]
            for role, headers in askers(two, operation):
                query = {p["name"]: p["example"] for p in operation.of("query") if p.get("required") and "example" in p}
                foreign, unknown = [
                    told(await two.ask(operation, headers, params=query | {parameter["name"]: given}))
                    for given in (found.foreign, found.unknown)
                ]
                if foreign != unknown:
                    wrong.append((role, str(operation), parameter["name"], foreign, unknown))
    assert not wrong, "\n".join(map(str, wrong))


def with_id(body: Any, path: tuple[str, ...], given: str) -> Any:
    """A copy of a body with this id in this place."""
    if not path:
        return given
    first, *rest = path
    if first == "[]":
        return [with_id(body[0] if body else {}, tuple(rest), given)]
    inner = (body or {}).get(first)
    if not rest and first.endswith("_ids"):
        return (body or {}) | {first: [given]}
    return (body or {}) | {first: with_id(inner, tuple(rest), given)}


async def test_b17_a_foreign_id_in_a_body_is_an_unknown_one(two: Bank) -> None:
    wrong = []
    asked = 0
    for operation in (o for o in OPERATIONS if o.body):
        own = {p["name"]: IDS[p["name"]].own for p in operation.of("path") if p["name"] in IDS}
        for path in (p for p in fields(operation.body["schema"]) if kind(p[-1]) in IDS):
            found = IDS[kind(path[-1])]
            for role, headers in askers(two, operation):
                foreign, unknown = [
                    told(
                        await two.ask(
                            operation,
                            headers,
                            url=operation.url(**own),
                            json=with_id(operation.example, path, given),
                        )
                    )
                    for given in (found.foreign, found.unknown)
                ]
                asked += 1
                if foreign != unknown or foreign[0] < 400:
                    wrong.append((role, str(operation), path, foreign, unknown))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 5


async def test_b17_b23_lists_hold_nothing_of_another_branch(two: Bank) -> None:
    wrong, full = [], set()
    for operation in (o for o in OPERATIONS if o.method == "GET" and not o.path.endswith("/stream")):
        for role, headers in askers(two, operation):
            answer = await by_path(two, operation, headers, "own")
            if any(mark in answer.text for mark in MARKS):
                wrong.append((role, str(operation)))
            if IDS["customer_id"].own in answer.text:
                full.add(str(operation))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(full) > 10, full


async def test_b23_who_moves_away_between_two_pages_is_not_on_the_next(
    two: Bank, postgres_server: EmbeddedPostgres
) -> None:
    campaign, teller = two.services["campaign"], two.as_role("teller")
    ids = [str(id_of(BOUND["opportunity_id"], number)) for number in (11, 12, 13)]
    admin = await postgres_server.connect(campaign.settings.database_url.rpartition("/")[2])
    try:
        await admin.execute("SET session_replication_role = replica")
        await admin.execute("CREATE TEMP TABLE more AS SELECT * FROM opportunity WHERE branch_id = $1", OWN_BRANCH)
        for one in ids:
            await admin.execute(
                "UPDATE more SET id = $1::text::uuid, detection_id = $1::text::uuid, event_key = $1::text", one
            )
            await admin.execute("INSERT INTO opportunity SELECT * FROM more")
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            answer = await campaign.client.get("/v1/opportunities", params=query, headers=teller)
            assert answer.status_code == 200, answer.text
            seen += [item["id"] for item in answer.json()["items"]]
            if (cursor := answer.json()["next_cursor"]) is None:
                break
            query["cursor"] = cursor
            await admin.execute("UPDATE opportunity SET branch_id = $2 WHERE id = $1", UUID(ids[1]), FOREIGN_BRANCH)
    finally:
        await admin.close()
    assert seen == [IDS["opportunity_id"].own, ids[0], ids[2]]


def test_b23_what_gives_a_file_is_the_banks_or_a_stream_of_ones_own() -> None:
    """Reports of rejected lines hold rows of all branches: nobody of a branch has their scope."""
    files = {
        str(o): {role for role in roles_with(o.scope) if role in BOUND_ROLES}
        for o in OPERATIONS
        if set(DOCUMENT["paths"][o.path][o.method.lower()]["responses"].get("200", {}).get("content", {}))
        - {"application/json"}
    }
    # Whose tasks it tells is shown in tests/campaign/test_task_feed.py.
    assert files.pop("GET /v1/tasks/stream")
    rejects = ("GET /v1/imports/{import_id}/rejects", "GET /v1/ledger/imports/{import_id}/rejects")
    # The scores of a matrix are those of rows that the caller has sent; a model's pages hold no customer.
    pages = ("GET /v1/models/{name}/versions/{version}/card", "GET /v1/models/{name}/report")
    scoring = ("POST /v1/scores:matrix", *pages)
    assert files == {name: set() for name in (*rejects, *scoring)}


async def test_b18_no_header_moves_its_sender(two: Bank) -> None:
    """`X-Branch` and its like are nobody's: the token alone says who asks."""
    moved = {
        "X-Branch": "B2",
        "X-Branch-ID": "B2",
        "X-User-ID": "1",
        "X-Forwarded-User": "head_office",
        "X-Roles": "operator",
    }
    for operation in (o for o in OPERATIONS if o.method == "GET" and any(p["name"] in IDS for p in o.of("path"))):
        for role, headers in askers(two, operation):
            plain = told(await by_path(two, operation, headers, "foreign"))
            assert told(await by_path(two, operation, headers | moved, "foreign")) == plain, (role, str(operation))


async def test_b24_a_customer_sees_one_customer_whatever_is_asked(two: Bank) -> None:
    for role in sorted(CUSTOMER_ROLES):
        for operation in (o for o in OPERATIONS if o.scope in ROLE_SCOPES[role] and o.method == "GET"):
            answer = await by_path(two, operation, two.as_role(role), "foreign")
            assert not any(mark in answer.text for mark in MARKS), str(operation)
