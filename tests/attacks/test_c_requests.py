"""C: a request says what its operation has, and nothing beside it. Generated from the merged document."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from attune_service_kit.bodies import Body
from attune_service_kit.openapi import operations
from attune_service_kit.service import create_app, documentation_settings

from .conftest import DOCUMENT, OPERATIONS, SERVICES, WRITES, Bank, Operation, key, roles_with, service_of

# What no client may set, whatever the operation.
INJECTED = {
    "role": "admin",
    "roles": ["operator"],
    "scope": "all",
    "branch_id": "B2",
    "id": "0190a7c0-5f3e-7c41-9d2a-3b1f6c8e4a70",
    "customer_id": "0190a7c0-5f3e-8c41-9d2a-3b1f6c8e4a70",
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "somebody",
    "approved_by": "somebody",
    "score": 1,
    "state": "approved",
    "version": 10**6,
    "__proto__": {"admin": True},
    "constructor": {},
    "$where": "1",
}
# Documents of another's shape: the bank's mapping file, a model's features.
FREE_OBJECTS = {"mapping", "rows[]"}
# Lists whose limit is a setting of the service, and refused with a code of its own.
LIMITED_BY_SETTINGS = {"POST /v1/scores.rows", "POST /v1/scores.customer_ids"}


def models(annotation: Any, seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """The models in an annotation, and those in them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        yield annotation
        for each in annotation.model_fields.values():
            yield from models(each.annotation, seen)
    for argument in get_args(annotation):
        yield from models(argument, seen)


def bodies(dependant: Any) -> Iterator[Any]:
    yield from (parameter.field_info.annotation for parameter in dependant.body_params)
    for inner in dependant.dependencies:
        yield from bodies(inner)


@pytest.mark.parametrize("name", SERVICES)
def test_c26_every_model_of_a_request_is_a_strict_body(name: str) -> None:
    app = create_app(service_of(name), documentation_settings(service_of(name)))
    found = {m for route in operations(app) for body in bodies(route.dependant) for m in models(body, set())}
    loose = [m.__qualname__ for m in found if not issubclass(m, Body) or m.model_config.get("extra") != "forbid"]
    assert loose == [], "derive them from attune_service_kit.bodies.Body"


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def unbounded(schema: dict[str, Any], where: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Where a schema lets somebody send as much as they like."""
    reference = schema.get("$ref", "")
    if reference in seen:
        return
    seen = (*seen, reference) if reference else seen
    schema = resolved(schema)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from unbounded(option, where, seen)
    named = {"enum", "const", "format"} & schema.keys()
    match schema.get("type"):
        case "string" if not named:
            pattern = schema.get("pattern", "")
            if "maxLength" not in schema and not pattern:
                yield f"{where}: a text without maxLength or pattern"
            if "\\d" in pattern or "\\w" in pattern:
                yield f"{where}: \\d and \\w take digits and letters of every script; write [0-9]"
        case "integer" | "number" if not named and not {"maximum", "exclusiveMaximum"} & schema.keys():
            yield f"{where}: a number without a maximum"
        case "array":
            if "maxItems" not in schema and where not in LIMITED_BY_SETTINGS:
                yield f"{where}: a list without maxItems"
            yield from unbounded(schema.get("items", {}), f"{where}[]", seen)
        case "object":
            more = schema.get("additionalProperties", True)
            if more is not False and where.rpartition(".")[2] not in FREE_OBJECTS and "maxProperties" not in schema:
                yield f"{where}: an object that takes any number of fields"
            for field, inner in schema.get("properties", {}).items():
                yield from unbounded(inner, f"{where}.{field}", seen)


def test_every_field_of_a_request_has_its_limits() -> None:
    found = [problem for o in WRITES if o.body for problem in unbounded(o.body["schema"], str(o))]
    found += [
        problem
        for o in OPERATIONS
        for parameter in o.of("query")
        for problem in unbounded(parameter["schema"], f"{o}?{parameter['name']}")
    ]
    assert not found, "\n".join(sorted(found))


async def refusal(bank: Bank, operation: Operation, **request: Any) -> tuple[int, str]:
    answer = await bank.ask(operation, bank.as_role(roles_with(operation.scope)[0]), **request)
    return answer.status_code, answer.json().get("code", answer.text[:200])


async def test_c26_nobody_sets_what_is_not_theirs(bank: Bank) -> None:
    wrong = []
    for operation in (o for o in WRITES if o.body):
        properties = resolved(operation.body["schema"]).get("properties", {})
        for name in INJECTED.keys() - properties.keys():
            found = await refusal(bank, operation, json=operation.example | {name: INJECTED[name]})
            if found != (422, "invalid"):
                wrong.append((str(operation), name, found))
    assert not wrong, "\n".join(map(str, wrong))


async def test_c27_twice_the_same_key_or_nearly(bank: Bank) -> None:
    wrong = []
    for operation in (o for o in WRITES if o.body and o.example):
        name = next(iter(operation.example))
        twice = f'{{"{name}": 1, "{name}": 9}}'
        headers = bank.as_role(roles_with(operation.scope)[0]) | {"Content-Type": "application/json"}
        answer = await bank.ask(operation, headers, content=twice)
        twin = await refusal(bank, operation, json=operation.example | {name.upper(): operation.example[name]})
        if (answer.status_code, twin) != (400, (422, "invalid")):
            wrong.append((str(operation), answer.status_code, twin))
    assert not wrong, "\n".join(map(str, wrong))


async def test_c28_queries_that_two_readers_would_read_differently(bank: Bank) -> None:
    wrong = []
    for operation in OPERATIONS:
        queries = ["unknown=1", "limit=10&limit=9999", "CUSTOMER_ID=1", "%00=1", "customer_id[]=1"]
        queries += [f"{p['name']}=x&{p['name']}=y" for p in operation.of("query") if p["schema"].get("type") != "array"]
        headers = bank.as_role(roles_with(operation.scope)[0])
        for query in queries:
            body = {} if operation.body is None else {"json": operation.example}
            if "/files/" in operation.path and operation.method == "PUT":  # an upload: bytes, no JSON
                body, headers = {"content": b"x"}, headers | {"Content-Type": "application/octet-stream"}
            answer = await bank.ask(operation, headers, url=f"{operation.url()}?{query}", **body)
            if (answer.status_code, answer.json().get("code")) != (422, "invalid"):
                wrong.append((str(operation), query, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


async def test_c28_other_kinds_of_body(bank: Bank) -> None:
    kinds = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "",
    ]
    wrong = []
    for operation in (o for o in WRITES if o.body):
        for kind in kinds:
            headers = bank.as_role(roles_with(operation.scope)[0]) | {"Content-Type": kind}
            answer = await bank.ask(operation, headers, content=b'{"a": 1}')
            if answer.status_code != 415:
                wrong.append((str(operation), kind, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


async def test_nothing_of_the_input_comes_back(bank: Bank) -> None:
    """P-29, M95: a validation error names the field, never the value."""
    canary = "CANARY-7361"
    told = []
    for operation in (o for o in WRITES if o.body):
        body = dict.fromkeys(operation.example, canary) | {canary: canary}
        headers = bank.as_role(roles_with(operation.scope)[0])
        answers = [await bank.ask(operation, headers, json=body), await bank.ask(operation, headers, content=canary)]
        answers.append(await bank.ask(operation, headers, url=f"{operation.url()}?{canary}={canary}", json=body))
        told += [(str(operation), a.text) for a in answers if canary in a.text or a.status_code >= 500]
    assert not told, "\n".join(map(str, told))


def test_a_key_is_made_for_each_write() -> None:
    assert key() != key()
