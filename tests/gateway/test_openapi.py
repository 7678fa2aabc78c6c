"""The committed documents: what the code says, merged without loss, and the gateway's only source of routes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from attune_service_kit.testing import StartService
from customer_360.app import SERVICE
from gateway.app import Gateway
from gateway.merging import METHODS
from gateway.page import for_page

ROOT = Path(__file__).resolve().parents[2]
MERGED: dict[str, Any] = json.loads((ROOT / "gateway/src/gateway/openapi.json").read_text("utf-8"))
ROUTES: list[dict[str, str]] = json.loads((ROOT / "gateway/src/gateway/routes.json").read_text("utf-8"))
DOCUMENTS = {
    path.parent.name.replace("-", "_"): json.loads(path.read_text("utf-8"))
    for path in sorted(ROOT.glob("services/*/openapi.json"))
}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_committed_documents_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/openapi.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_every_operation_of_every_service_is_in_the_merged_document_and_routed() -> None:
    assert set(DOCUMENTS) == {"customer_360", "eventing", "insight", "scoring", "campaign"}
    wanted = {
        (method.upper(), path, service)
        for service, document in DOCUMENTS.items()
        for method, path, _ in operations(document)
    }
    assert {(row["method"], row["path"], row["service"]) for row in ROUTES} == wanted
    assert {(m.upper(), p, o["x-service"]) for m, p, o in operations(MERGED)} == wanted


def test_every_service_shows_its_jobs_and_what_it_set_aside() -> None:
    found = {(row["method"], row["path"]) for row in ROUTES}
    for service in DOCUMENTS:
        jobs, quarantine = f"/v1/jobs/{service}", f"/v1/quarantine/{service}"
        assert {("GET", jobs), ("GET", f"{jobs}/{{job_id}}"), ("POST", f"{jobs}/{{job_id}}:cancel"),
                ("POST", f"{jobs}/{{job_id}}:resume"), ("GET", quarantine), ("GET", f"{quarantine}/{{message_id}}"),
                ("POST", f"{quarantine}/{{message_id}}:retry"),
                ("POST", f"{quarantine}/{{message_id}}:discard")} <= found  # fmt: skip


def test_the_merged_document_is_whole() -> None:
    assert MERGED["openapi"].startswith("3.1")
    for reference in references(MERGED):
        node: Any = MERGED
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node
    ids = [operation["operationId"] for _, _, operation in operations(MERGED)]
    assert len(ids) == len(set(ids))
    for method, path, operation in operations(MERGED):
        declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path)), (method, path)
        assert operation["x-scope"], (method, path)
        assert operation["security"] == [{"bearer": []}]
        assert {"401", "403"} <= set(operation["responses"]), (method, path)


def test_renaming_loses_no_schema() -> None:
    """What the gateway itself may refuse stands beside it."""
    for document in DOCUMENTS.values():
        for method, path, operation in operations(document):
            merged = MERGED["paths"][path][method]
            assert merged["responses"].keys() == operation["responses"].keys() | {"414", "429", "431"}
            kept = {status: merged["responses"][status] for status in operation["responses"] if status != "504"}
            own = {status: response for status, response in operation["responses"].items() if status != "504"}
            assert len(list(references(merged | {"responses": kept}))) == len(
                list(references(operation | {"responses": own}))
            )
            codes = merged["responses"]["504"]["x-codes"]
            assert {*operation["responses"]["504"]["x-codes"], "upstream_timeout"} == set(codes)


def test_the_page_gets_the_document_in_words_that_it_reads() -> None:
    document = json.loads(for_page(MERGED))
    assert document["openapi"] == "3.0.3"
    assert document["paths"].keys() == MERGED["paths"].keys()
    assert set(references(document)) == set(references(MERGED))
    text = json.dumps(document)
    for newer in ('"const":', '{"type": "null"}', '"prefixItems":', '"exclusiveMinimum": 0'):
        assert newer not in text


async def test_a_real_service_answers_through_the_gateway(
    start_service: StartService, serve: Any, make_gateway: Any, token: Any
) -> None:
    service = await start_service(SERVICE, worker=False)
    upstream = await serve(service.app, lifespan="off")
    gateway: Gateway = make_gateway(dict.fromkeys(DOCUMENTS, upstream), ROUTES, MERGED)
    async with httpx.AsyncClient(base_url=await serve(gateway), timeout=30) as client:
        headers = token("head_office") | {"X-Request-Id": "request-0002"}
        branches = await client.get("/v1/branches", headers=headers)
        assert (branches.status_code, branches.json()) == (200, {"items": [], "next_cursor": None})
        assert branches.headers["x-request-id"] == "request-0002"
        unknown = await client.get("/v1/customers/0190a7c0-0000-8000-8000-000000000001", headers=headers)
        assert (unknown.status_code, unknown.json()["request_id"]) == (404, "request-0002")
        assert (await client.get("/v1/branches", headers=token("partner"))).status_code == 403
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/openapi.json")).json() == MERGED
