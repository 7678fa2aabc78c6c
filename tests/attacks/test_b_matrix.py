"""B16 to B24 as a matrix: role × operation, generated from the document and the table of scopes.

A new operation is in it without a line here. What it is asked for another's rows is in test_b_rows.py.
"""

from typing import Any

from attune_contracts.access import ROLE_SCOPES

from .conftest import OPERATIONS, Bank, Operation


def sent(operation: Operation) -> dict[str, Any]:
    """A request that its contract admits."""
    if "/files/" in operation.path and operation.method == "PUT":
        return {"content": b"x"}
    return {} if operation.body is None else {"json": operation.example}


async def answer(bank: Bank, operation: Operation, headers: dict[str, str]) -> tuple[int, str]:
    """Status and code of the operation, asked as these headers say."""
    if "content" in sent(operation):
        headers = headers | {"Content-Type": "application/octet-stream"}
    found = await bank.ask(operation, headers, **sent(operation))
    return found.status_code, found.json().get("code", "") if found.status_code >= 400 else ""


async def test_b19_no_role_does_what_its_scopes_do_not_name(bank: Bank) -> None:
    wrong = []
    asked = 0
    for role, scopes in ROLE_SCOPES.items():
        headers = bank.as_role(role)
        for operation in (o for o in OPERATIONS if o.scope not in scopes):
            found, asked = await answer(bank, operation, headers), asked + 1
            if found != (403, "forbidden"):
                wrong.append((role, str(operation), *found))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > len(OPERATIONS)


def test_b19_every_scope_is_somebodys_and_opens_something() -> None:
    held = {scope for scopes in ROLE_SCOPES.values() for scope in scopes}
    assert {o.scope for o in OPERATIONS} <= held, "a scope that no role has"
    assert held <= {o.scope for o in OPERATIONS}, "a scope that no operation asks for"


STRANGERS: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer x.y.z"},
    {"X-User-ID": "1", "X-Branch": "HQ", "X-Roles": "operator", "X-Forwarded-User": "operator"},
]


async def test_b22_past_the_gateway_nobody_comes_in_without_a_token(bank: Bank) -> None:
    wrong = []
    for operation in OPERATIONS:
        for headers in STRANGERS:
            found = await answer(bank, operation, headers)
            if found != (401, "unauthenticated"):
                wrong.append((str(operation), *found))
    assert not wrong, "\n".join(map(str, wrong))
