"""B: who is known does what is theirs. What the matrix (test_b_matrix.py) does not show by itself."""

from urllib.parse import quote

import pytest

from .conftest import OPERATIONS, Bank, Operation, roles_with


def methods_of(path: str) -> set[str]:
    """What the document has under a path."""
    return {o.method for o in OPERATIONS if o.path == path}


async def allowed(bank: Bank, operation: Operation, method: str) -> tuple[int, set[str]]:
    """The status of another method on an operation's path, and what `Allow` names."""
    headers = bank.as_role(roles_with(operation.scope)[0])
    answer = await bank.services[operation.service].client.request(method, operation.url(), headers=headers)
    return answer.status_code, set(answer.headers.get("allow", "").split(", "))


async def test_b21_another_method_is_405_and_allow_names_all_of_them(bank: Bank) -> None:
    assert any("}:" in o.path for o in OPERATIONS)
    wrong = []
    for operation in OPERATIONS:
        right = methods_of(operation.path)
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - right:
            found = await allowed(bank, operation, method)
            if found != (405, right):
                wrong.append((method, str(operation), found))
    assert not wrong, "\n".join(map(str, wrong))


OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


@pytest.mark.parametrize("name", OVERRIDES)
async def test_b21_a_header_makes_no_other_method(bank: Bank, name: str) -> None:
    reads = [o for o in OPERATIONS if o.method == "GET" and methods_of(o.path) - {"GET"}]
    assert reads
    for operation in reads:
        for method in methods_of(operation.path) - {"GET"}:
            plain = await bank.ask(operation, bank.as_role(roles_with(operation.scope)[0]))
            overridden = await bank.ask(operation, bank.as_role(roles_with(operation.scope)[0]) | {name: method})
            assert overridden.status_code == plain.status_code, (str(operation), method)


async def test_b21_paths_that_lead_elsewhere_lead_nowhere(bank: Bank) -> None:
    """Past the gateway too: the service itself knows no second way to write a path."""
    wrong = []
    for operation in (o for o in OPERATIONS if o.method == "GET"):
        url = quote(operation.url(), safe="/:")
        twins = [url.replace("/v1/", "/v1//"), url.replace("/v1/", "/v1/%2e%2e/v1/")]
        twins += [url.replace("/v1/", "/V1/"), f"{url};a=b/", url.replace("/v1/", "/v1%2f"), f"{url}/", f"{url}%00/"]
        for twin in twins:
            request = bank.services[operation.service].client.build_request("GET", "/")
            request.url = request.url.copy_with(raw_path=twin.encode())
            request.headers.update(bank.as_role(roles_with(operation.scope)[0]))
            answer = await bank.services[operation.service].client.send(request)
            if answer.status_code != 404:
                wrong.append((twin, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))
