"""The check against breaking those who rely on us: every kind of break is found, and additions are none."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import breaking
from breaking import ROOT, accepted, api_breaks, dataset_breaks, event_breaks, is_accepted, question_breaks

Change = Callable[[dict[str, Any]], object]

EVENT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "customer_id": {"type": "string", "format": "uuid"},
        "state": {"$ref": "#/$defs/State"},
        "reason": {"anyOf": [{"type": "string", "maxLength": 40}, {"type": "null"}], "default": None},
        "amount_minor": {"type": "integer", "minimum": 0, "maximum": 1000},
        "items": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["customer_id", "state", "amount_minor"],
    "$defs": {"State": {"type": "string", "enum": ["open", "held_out"]}},
}


def changed(document: dict[str, Any], change: Change) -> dict[str, Any]:
    new = copy.deepcopy(document)
    change(new)
    return new


def event_findings(change: Change) -> list[str]:
    return [f.removeprefix("event e: ") for f in event_breaks({"e": EVENT}, {"e": changed(EVENT, change)})]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda e: e["properties"].pop("reason"), "a consumer of yesterday meets no reason any more"),
        (lambda e: e["required"].remove("amount_minor"), "a consumer of yesterday meets no amount_minor"),
        (lambda e: e["properties"].update(late={}) or e["required"].append("late"), "a stored event has no late"),
        (lambda e: e["required"].append("reason"), "a stored event has no reason"),
        (lambda e: e["$defs"]["State"]["enum"].append("lost"), "a consumer of yesterday meets state = lost"),
        (lambda e: e["$defs"]["State"]["enum"].remove("open"), "a stored event has state = open"),
        (lambda e: e["properties"]["amount_minor"].pop("maximum"), "amount_minor beyond maximum 1000"),
        (lambda e: e["properties"]["amount_minor"].update(maximum=10), "a stored event has amount_minor beyond"),
        (lambda e: e["properties"]["amount_minor"].update(type="string"), "meets amount_minor as string"),
        (lambda e: e["properties"]["amount_minor"].update(type="number"), "meets amount_minor as number"),
        (lambda e: e["properties"]["customer_id"].pop("format"), "meets customer_id of another format"),
        (lambda e: e["properties"]["reason"]["anyOf"].pop(), "a stored event has reason as null"),
        (lambda e: e["properties"]["items"].update(items={"type": "string"}), "items[] as string"),
        (lambda e: e["properties"].update(customer_id={"type": ["string", "null"], "format": "uuid"}), "as null"),
    ],
)
def test_a_change_of_an_event_that_hurts_is_found(change: Change, found: str) -> None:
    assert found in "\n".join(event_findings(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e["properties"].update(late={"type": "boolean", "default": False}),
        lambda e: e.update(description="said better"),
        lambda e: e["properties"].update(state={"type": "string", "enum": ["held_out", "open"]}),
        lambda e: e["properties"]["reason"].update(anyOf=[{"type": "null"}, {"type": "string", "maxLength": 40}]),
    ],
)
def test_an_addition_to_an_event_is_no_break(change: Change) -> None:
    assert event_findings(change) == []


def test_an_event_that_is_not_said_any_more_is_a_break_and_a_new_one_is_none() -> None:
    assert list(event_breaks({"e": EVENT}, {})) == ["event e: is not said any more"]
    assert list(event_breaks({}, {"e": EVENT})) == []


DATASET = {
    "owner": "insight",
    "partition": "all",
    "key": ["id"],
    "columns": [
        {"name": "id", "type": "VARCHAR", "nullable": False},
        {"name": "age", "type": "INTEGER", "nullable": True},
    ],
}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda d: d["columns"].pop(), "dataset d.age: is gone"),
        (lambda d: d["columns"][1].update(type="BIGINT"), "dataset d.age: type is BIGINT, was INTEGER"),
        (lambda d: d["columns"][0].update(nullable=True), "dataset d.id: may be NULL now"),
        (lambda d: d.update(key=["id", "age"]), "dataset d: key is ['id', 'age'], was ['id']"),
        (lambda d: d.update(owner="scoring"), "dataset d: owner is scoring, was insight"),
    ],
)
def test_a_change_of_a_dataset_that_hurts_is_found(change: Change, found: str) -> None:
    assert list(dataset_breaks({"d": DATASET}, {"d": changed(DATASET, change)})) == [found]


def test_a_new_column_is_no_break_and_a_dataset_that_is_gone_is_one() -> None:
    more = changed(DATASET, lambda d: d["columns"].append({"name": "x", "type": "DATE", "nullable": False}))
    assert list(dataset_breaks({"d": DATASET}, {"d": more})) == []
    assert list(dataset_breaks({"d": DATASET}, {})) == ["dataset d: is not written any more"]


def ref(name: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


API: dict[str, Any] = {
    "paths": {
        "/v1/tasks/{task_id}": {
            "post": {
                "operationId": "tasks-change",
                "x-scope": "tasks:write",
                "parameters": [
                    {"in": "path", "name": "task_id", "required": True, "schema": {"type": "string"}},
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 200}},
                ],
                "requestBody": ref("In"),
                "responses": {"200": ref("Out"), "404": {"description": "unknown"}},
            }
        }
    },
    "components": {
        "schemas": {
            "In": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "state": {"enum": ["open", "done"], "type": "string"},
                    "note": {"type": "string", "maxLength": 200},
                },
                "required": ["state"],
            },
            "Out": {
                "type": "object",
                "properties": {
                    "state": {"enum": ["open", "done"], "type": "string"},
                    "next": {"anyOf": [{"$ref": "#/components/schemas/Out"}, {"type": "null"}]},
                },
                "required": ["state", "next"],
            },
        }
    },
}


def operation(document: dict[str, Any]) -> dict[str, Any]:
    return dict.__getitem__(document["paths"]["/v1/tasks/{task_id}"], "post")


def properties(document: dict[str, Any], schema: str) -> dict[str, Any]:
    return dict.__getitem__(document["components"]["schemas"][schema], "properties")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda a: a["paths"].clear(), "is gone"),
        (lambda a: operation(a).update({"x-scope": "tasks:own"}), "the scope is tasks:own, was tasks:write"),
        (lambda a: operation(a).update(operationId="x"), "the operation's id is x, was tasks-change"),
        (lambda a: operation(a)["parameters"].pop(), "the parameter query limit is gone"),
        (lambda a: operation(a)["parameters"][1]["schema"].update(maximum=9), "sends a value beyond maximum 9"),
        (lambda a: operation(a)["parameters"][1].update(required=True), "the parameter query limit is required now"),
        (
            lambda a: operation(a)["parameters"].append({"in": "header", "name": "X", "required": True}),
            "the parameter header X is required now",
        ),
        (lambda a: operation(a)["requestBody"].update(required=True), "a body is required now"),
        (lambda a: operation(a).pop("requestBody"), "takes no body any more"),
        (lambda a: operation(a)["responses"].update({"201": operation(a)["responses"].pop("200")}), "not answer 200"),
        (lambda a: properties(a, "In")["state"]["enum"].pop(), "the body: a client of yesterday sends state = done"),
        (lambda a: properties(a, "In").pop("note"), "sends note, which is not known"),
        (lambda a: properties(a, "In")["note"].update(maxLength=9), "sends note beyond maxLength 9"),
        (lambda a: a["components"]["schemas"]["In"]["required"].append("note"), "sends no note"),
        (lambda a: properties(a, "Out")["state"]["enum"].append("lost"), "the answer 200: a client of yesterday meets"),
        (lambda a: properties(a, "Out").pop("next"), "meets no next any more"),
        (lambda a: a["components"]["schemas"]["Out"]["required"].remove("next"), "meets no next"),
        (lambda a: properties(a, "Out").update(state={"type": "integer"}), "meets state with any value"),
    ],
)
def test_a_change_of_the_api_that_hurts_is_found(change: Change, found: str) -> None:
    findings = list(api_breaks(API, changed(API, change)))
    assert len(findings) == 1
    assert findings[0].startswith("POST /v1/tasks/{task_id}: ")
    assert found in findings[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a["paths"].update({"/v1/more": a["paths"]["/v1/tasks/{task_id}"]}),
        lambda a: operation(a)["parameters"].append({"in": "query", "name": "sort", "schema": {"type": "string"}}),
        lambda a: operation(a)["parameters"][1]["schema"].update(maximum=500),
        lambda a: operation(a)["responses"].pop("404"),
        lambda a: properties(a, "In")["state"]["enum"].append("later"),
        lambda a: properties(a, "In").update(more={"type": "string"}),
        lambda a: properties(a, "Out")["state"]["enum"].pop(),
        lambda a: properties(a, "Out").update(more={"type": "string"}),
    ],
)
def test_an_addition_to_the_api_is_no_break(change: Change) -> None:
    assert list(api_breaks(API, changed(API, change))) == []


def _part(name: str, kind: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"value": {"type": kind}, "note": {"type": "string"}},
        "required": ["value"],
    }
    return {"name": name, "payload": schema}


ASKED = {
    "channels": {
        "score": {
            "address": "scoring.score",
            "messages": {
                "q": _part("Question", "integer"),
                "a": _part("Answer", "number"),
                "r": _part("Refusal", "string"),
            },
        }
    },
    "operations": {
        "answer": {
            "action": "receive",
            "channel": {"$ref": "#/channels/score"},
            "messages": [{"$ref": "#/channels/score/messages/q"}],
            "reply": {"messages": [{"$ref": f"#/channels/score/messages/{part}"} for part in "ar"]},
        },
        "say": {"action": "send", "channel": {"$ref": "#/channels/score"}, "messages": []},
    },
}


def _payload(document: dict[str, Any], part: str) -> Any:
    return document["channels"]["score"]["messages"][part]["payload"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda d: d["operations"].pop("answer"), "is not answered any more"),
        (lambda d: d["channels"]["score"].update(address="scoring.ask"), "is not answered any more"),
        (lambda d: _payload(d, "q")["required"].append("note"), "who asked yesterday sends no note"),
        (lambda d: _payload(d, "q")["properties"]["value"].update(maximum=9), "sends value beyond"),
        (lambda d: _payload(d, "a")["properties"].pop("note"), "meets no note any more of Answer"),
        (lambda d: _payload(d, "r")["properties"]["value"].update(type="integer"), "value as integer of Refusal"),
        (lambda d: d["operations"]["answer"]["reply"]["messages"].pop(), "Refusal is never the answer any more"),
        (
            lambda d: d["operations"]["answer"]["reply"]["messages"].append(_part("Later", "string")),
            "who asked yesterday meets Later",
        ),
    ],
)
def test_a_change_of_a_question_over_nats_that_hurts_is_found(change: Change, found: str) -> None:
    findings = list(question_breaks([ASKED], [changed(ASKED, change)]))
    assert len(findings) == 1, findings
    assert findings[0].startswith("question scoring.score: ")
    assert found in findings[0]


def test_an_addition_to_a_question_is_no_break_whoever_answers_it() -> None:
    def add(document: dict[str, Any]) -> None:
        _payload(document, "q")["properties"]["more"] = {"type": "string"}
        _payload(document, "a")["properties"]["more"] = {"type": "string"}

    nobody = {"operations": {}}
    assert list(question_breaks([ASKED, nobody], [nobody, changed(ASKED, add)])) == []


def test_the_committed_documents_say_what_is_asked_over_nats() -> None:
    asked = breaking.contracts_at(None)[2]
    assert [found for found in question_breaks(asked, []) if "scoring.score:" in found]


def test_an_accepted_break_needs_its_reason_and_ends_with_1_0(tmp_path: Path) -> None:
    file = tmp_path / "accepted-breaks.yaml"
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.9.0"\n')
    file.write_text("- {break: 'event e: *', reason: nobody listens yet}\n- {break: 'GET /v1/x: is gone', reason: r}\n")
    allowed = accepted(file)
    assert is_accepted("event e: is not said any more", allowed)
    assert is_accepted("GET /v1/x: is gone", allowed)
    assert not is_accepted("GET /v1/x: is gone too", allowed)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.0.0"\n')
    with pytest.raises(ValueError, match=r"from 1\.0 on"):
        accepted(file)
    file.write_text("- {break: 'event e: *', reason: ''}\n")
    with pytest.raises(ValueError, match="reason"):
        accepted(file)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_base_is_the_release_else_where_the_branch_left_main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(breaking, "ROOT", tmp_path)
    assert breaking.main() == 0
    assert "skipped" in capsys.readouterr().out
    schemas = tmp_path / breaking.SCHEMAS
    schemas.mkdir(parents=True)
    merged = tmp_path / breaking.OPENAPI
    merged.parent.mkdir(parents=True)
    merged.write_text(json.dumps(API))
    git(tmp_path, "init", "-q", "-b", "main")
    (schemas / "e.json").write_text(json.dumps(EVENT))
    git(tmp_path, "add", "."), git(tmp_path, "commit", "-qm", "first")
    assert breaking.main() == 0  # main's only commit: no history
    assert "skipped" in capsys.readouterr().out
    git(tmp_path, "checkout", "-qb", "work")
    (schemas / "e.json").unlink()
    git(tmp_path, "commit", "-qam", "second")
    assert breaking.breaks(breaking.base()) == ["event e: is not said any more"]
    assert breaking.main() == 1
    assert "event e: is not said any more" in capsys.readouterr().err
    git(tmp_path, "tag", "v0.1.0")
    assert breaking.breaks(breaking.base()) == []


def test_nothing_is_broken_that_is_not_accepted() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/breaking.py"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
