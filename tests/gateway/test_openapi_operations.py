"""Every operation says what it is for, who may call it, what goes in, what comes out and how it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

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


def every(name: str) -> Any:
    return pytest.mark.parametrize(name, list(OPERATIONS))


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    # A time of day in the bank's zone carries none of its own, which RFC 3339 would have.
    formats = {"time": lambda text: len(text) >= 5}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True, formats=formats)
    return [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(value)]


def examples(content: dict[str, Any]) -> Iterator[Any]:
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        if "$ref" in example:
            example = DOCUMENT["components"]["examples"][example["$ref"].removeprefix("#/components/examples/")]
        yield example["value"]


@every("name")
def test_it_says_what_it_is_for_and_who_may_call_it(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert not operation["summary"].endswith(".")
    assert operation["description"].rstrip().endswith((".", "…"))
    assert operation["operationId"]
    assert operation["tags"]
    assert operation["x-scope"] in SCOPES


@every("name")
def test_what_goes_in_has_an_example_that_fits(name: str) -> None:
    operation = OPERATIONS[name]
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            assert faults(parameter["schema"], parameter["example"]) == [], parameter["name"]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "application/octet-stream":  # the bytes of a file, as they are
            assert content["schema"] == {"type": "string", "format": "binary"}
            continue
        shown = list(examples(content))
        assert shown
        assert [faults(content["schema"], example) for example in shown] == [[]] * len(shown)


@every("name")
def test_what_comes_out_has_an_example_that_fits(name: str) -> None:
    answers = {s: r for s, r in OPERATIONS[name]["responses"].items() if s.startswith("2")}
    assert answers
    for response in answers.values():
        for kind, content in response.get("content", {}).items():
            if kind == "application/json":
                shown = list(examples(content))
                assert shown
                assert [faults(content["schema"], example) for example in shown] == [[]] * len(shown)


@every("name")
def test_every_refusal_is_shown_as_it_is_said_in_both_languages(name: str) -> None:
    refusals = {s: r for s, r in OPERATIONS[name]["responses"].items() if not s.startswith("2")}
    assert {"401", "403", "503"} <= set(refusals)
    for status, response in refusals.items():
        content = response["content"][PROBLEM]
        assert response["x-codes"], status
        assert set(content["examples"]) == set(response["x-codes"]), status
        for example in examples(content):
            assert faults(content["schema"], example) == []
            assert str(example["status"]) == status
            assert example["code"] in response["x-codes"]
            assert example["detail"]["en"].isascii()
            assert not example["detail"]["zh"].isascii()
            # Nobody says these words: the refusal is declared and never given, or its texts are no literals.
            assert example["detail"]["zh"] != "请求被拒绝", (status, example["code"])
