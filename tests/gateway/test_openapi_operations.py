"""Every operation says what it is for, who may call it, what goes in, what comes out and how it refuses."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from attune_contracts.access import ROLE_SCOPES

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "gateway" / "src" / "gateway" / "openapi.json").read_text("utf-8")
)
PROBLEM = "application/problem+json"
SCOPES = {scope for scopes in ROLE_SCOPES.values() for scope in scopes}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}


@cache
def validator(schema: str) -> Any:
    whole = {**json.loads(schema), "components": {"schemas": DOCUMENT["components"]["schemas"]}}
    # A time of day in the bank's zone carries none of its own, which RFC 3339 would have.
    formats = {"time": lambda text: len(text) >= 5}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True, formats=formats)


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    found = validator(json.dumps(schema, sort_keys=True)).iter_errors(value)
    return [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in found]


def examples(content: dict[str, Any]) -> Iterator[Any]:
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        if "$ref" in example:
            example = DOCUMENT["components"]["examples"][example["$ref"].removeprefix("#/components/examples/")]
        yield example["value"]


def misfits(content: dict[str, Any]) -> list[str]:
    """What is wrong with the examples of a body; that there is none is wrong too."""
    shown = list(examples(content))
    return [fault for example in shown for fault in faults(content["schema"], example)] if shown else ["no example"]


def test_an_operation_says_what_it_is_for_and_who_may_call_it() -> None:
    assert len(OPERATIONS) > 100
    for name, operation in OPERATIONS.items():
        assert operation["summary"], name
        assert not operation["summary"].endswith("."), name
        assert operation["description"].rstrip().endswith((".", "…")), name
        assert operation["operationId"], name
        assert operation["tags"], name
        assert operation["x-scope"] in SCOPES, name


def test_a_group_says_what_it_is_for() -> None:
    used = {tag for operation in OPERATIONS.values() for tag in operation["tags"]}
    assert {tag["name"] for tag in DOCUMENT["tags"]} == used
    for tag in DOCUMENT["tags"]:
        assert re.search(r"[a-z].*（?[\u4e00-\u9fff]", tag["description"]), tag


def test_what_goes_in_has_an_example_that_fits() -> None:
    wrong = {}
    for name, operation in OPERATIONS.items():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and (found := faults(parameter["schema"], parameter.get("example"))):
                wrong[f"{name} {parameter['name']}"] = found
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json" and (found := misfits(content)):
                wrong[name] = found
    assert wrong == {}


def test_what_comes_out_has_an_example_that_fits() -> None:
    wrong = {}
    for name, operation in OPERATIONS.items():
        answers = [response for status, response in operation["responses"].items() if status.startswith("2")]
        assert answers, name
        for response in answers:
            content = response.get("content", {}).get("application/json")
            if content and (found := misfits(content)):
                wrong[name] = found
    assert wrong == {}


def test_every_refusal_is_shown_as_it_is_said_in_both_languages() -> None:
    wrong = []
    for name, operation in OPERATIONS.items():
        refusals = {s: r for s, r in operation["responses"].items() if not s.startswith("2")}
        assert {"401", "403", "429", "503", "504"} <= set(refusals), name
        for status, response in refusals.items():
            content = response["content"][PROBLEM]
            assert response["x-codes"], (name, status)
            assert set(content["examples"]) == set(response["x-codes"]), (name, status)
            for example in examples(content):
                # The stopgap's words: the refusal is declared and never given, or its texts are no literals.
                said = example["detail"]["en"].isascii() and not example["detail"]["zh"].isascii()
                fits = said and str(example["status"]) == status and example["code"] in response["x-codes"]
                if not fits or example["detail"]["zh"] == "请求被拒绝" or faults(content["schema"], example):
                    wrong.append((name, status, example["code"]))
    assert wrong == []


def test_every_long_job_is_followed_cancelled_and_resumed() -> None:
    """Whatever answers 202 answers with a job of a service that shows its jobs.

    But for postings, behaviours and what is tried again: the stream takes them in. And for changes that wait for a
    second person.
    """
    waiting = {"$ref": "#/components/schemas/Proposal"}
    streamed = {name for name in OPERATIONS if name.startswith("POST /v1/quarantine/")}
    streamed |= {"POST /v1/ledger/postings", "POST /v1/behaviours"}
    starting = {
        name: OPERATIONS[name]
        for name in OPERATIONS.keys() - streamed
        if (said := OPERATIONS[name]["responses"].get("202"))
        and said["content"]["application/json"]["schema"] != waiting
    }
    assert len(starting) > 8
    for name, operation in starting.items():
        schema = operation["responses"]["202"]["content"]["application/json"]["schema"]
        job = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        assert {"id", "state", "progress", "total", "message", "result", "error"} <= job.keys(), name
        path = f"/v1/jobs/{operation['x-service']}"
        assert {f"GET {path}", f"GET {path}/{{job_id}}", f"POST {path}/{{job_id}}:cancel",
                f"POST {path}/{{job_id}}:resume"} <= OPERATIONS.keys(), name  # fmt: skip
