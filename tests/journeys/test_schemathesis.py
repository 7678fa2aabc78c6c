"""Every operation of the merged document, asked with what the document allows and with what it does not (P-33).

Each operation is called by a role that holds its scope, on a running home with a small bank. Cases an operation:
`ATTUNE_API_CASES` (50 in `make test-full`, 2,000 for a night).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from tests.attacks.wire import not_checked

from attune.bank.generate import generate
from attune.client import Client, issue_token
from attune.home import Home
from attune_contracts.access import ROLE_SCOPES, WHOLE_BANK_ROLES

ROOT = Path(__file__).parents[2]
CASES = int(os.environ.get("ATTUNE_API_CASES", "50"))
DOCUMENT = orjson.loads((ROOT / "gateway" / "src" / "gateway" / "openapi.json").read_bytes())
# They would set the whole home's clock forward or begin its ledger anew under the other operations' feet.
APART = r"/v1/(clock:advance|ledger/(rebuilds|replays).*)"

OPERATIONS = [
    (method.upper(), path) for path, item in DOCUMENT["paths"].items() if not re.search(APART, path) for method in item
]

schema = schemathesis.openapi.from_dict(DOCUMENT)
# A query that is too long at the gateway is refused, too.
schema.config.checks.negative_data_rejection.expected_statuses.append("414")


@pytest.fixture(scope="module")
def home(server_dir: Path, attune: Any) -> Iterator[Home]:
    """A running home with a bank of a hundred customers."""
    folder = server_dir / "home-api"
    generate(server_dir / "bank-api", 100, 1)
    attune("up", "--detach", "--home", folder)
    try:
        attune("import", "--home", folder, "--mapping", ROOT / "mappings" / "demo.yaml", server_dir / "bank-api")
        yield Home.at(folder)
    finally:
        attune("down", "--home", folder)


@pytest.fixture(scope="module")
def address(home: Home) -> str:
    """The gateway's address."""
    return str(home.state()["urls"]["gateway"])


@pytest.fixture(scope="module")
def tokens(home: Home) -> dict[str, str]:
    """A token for each scope: of a role that holds it, for the whole bank where there is one."""
    with Client(home, "head_office") as office:
        head = next(b["branch_id"] for b in office.get("/v1/branches")["items"] if not b["parent_id"])
    roles = sorted(set(ROLE_SCOPES) - {"mobile"}, key=lambda role: role not in WHOLE_BANK_ROLES)
    found: dict[str, str] = {}
    for role in roles:
        token, _ = issue_token(home, role, None if role in WHOLE_BANK_ROLES else head)
        for scope in ROLE_SCOPES[role]:
            found.setdefault(scope, token)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=map(" ".join, OPERATIONS))
def test_the_document_is_the_behaviour(method: str, path: str, address: str, tokens: dict[str, str]) -> None:
    asked = 0

    def of_one(case: Any) -> None:
        nonlocal asked
        answered_as_documented(case, address, tokens)
        asked += 1

    # Made here, not by `schema.parametrize()`: that makes the cases of all operations whenever tests are collected.
    how = settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    config = HypothesisTestConfig(project=schema.config, modes=list(HypothesisTestMode), settings=how)
    create_test(operation=schema[path][method], test_func=of_one, config=config)()
    assert asked


def answered_as_documented(case: Any, address: str, tokens: dict[str, str]) -> None:
    """Ask it as one who may: neither a fault nor an answer that the document does not have."""
    scope = case.operation.definition.raw["x-scope"]
    answer = case.call(base_url=address, headers={"Authorization": f"Bearer {tokens[scope]}"})
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == ["application/problem+json"]
        assert set(problem["detail"]) == {"en", "zh"}
    case.validate_response(answer, excluded_checks=not_checked(case, answer.status_code))
