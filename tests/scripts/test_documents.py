"""What is made of the merged document and the catalogue is whole: AsyncAPI, Postman, the client's code."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.gateway.test_openapi import MERGED, references

import client_code
from attune_contracts.catalog import CATALOGUE
from attune_contracts.requests import REQUESTS
from attune_service_kit.nats_rights import permissions
from exports import exports

ROOT = Path(__file__).parents[2]
ASYNCAPI = {
    path.parent.name.replace("-", "_"): json.loads(path.read_text("utf-8"))
    for path in sorted(ROOT.glob("services/*/asyncapi.json"))
}
POSTMAN = json.loads((ROOT / "docs" / "reference" / "attune.postman_collection.json").read_text("utf-8"))
OPERATIONS = {
    (method.upper(), path): operation for path, item in MERGED["paths"].items() for method, operation in item.items()
}


def found(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


@pytest.mark.parametrize("service", ASYNCAPI)
def test_an_asyncapi_document_is_whole(service: str) -> None:
    document = ASYNCAPI[service]
    assert document["asyncapi"] == "3.0.0"
    assert all(found(document, reference) for reference in references(document))
    operations = document["operations"].values()
    used = [o["channel"]["$ref"] for o in operations] + [
        o["reply"]["channel"]["$ref"] for o in operations if "reply" in o
    ]
    assert {reference.removeprefix("#/channels/") for reference in used} == set(document["channels"])
    for name, channel in document["channels"].items():
        if "x-stream" not in channel:
            assert channel["address"] == (None if name.endswith(".reply") else name)
            continue
        assert channel["address"] == f"evt.{name}.p{{partition}}"
        assert channel["parameters"]["partition"]["enum"] == list("01234567")
    for part in ("channels", "operations"):
        assert all(re.fullmatch(r"[a-z0-9._-]+", key) for key in document[part])


def test_every_event_is_said_by_one_service_and_heard_by_its_consumers() -> None:
    senders: dict[str, list[str]] = {event_type: [] for event_type in CATALOGUE}
    receivers: dict[str, set[str]] = {event_type: set() for event_type in CATALOGUE}
    for service, document in ASYNCAPI.items():
        for name, operation in document["operations"].items():
            if not name.startswith(("say.", "hear.")):
                continue
            event_type = operation["channel"]["$ref"].removeprefix("#/channels/")
            if operation["action"] == "send":
                senders[event_type].append(service)
            else:
                receivers[event_type].add(service)
    assert senders == {event_type: [entry.owner] for event_type, entry in CATALOGUE.items()}
    assert receivers == {event_type: set(entry.consumers) for event_type, entry in CATALOGUE.items()}


def test_every_request_is_asked_and_answered_as_the_contract_and_the_rights_say() -> None:
    exchanges = {
        (service, *name.split(".", 1)): operation["action"]
        for service, document in ASYNCAPI.items()
        for name, operation in document["operations"].items()
        if name.startswith(("ask.", "answer."))
    }
    wanted = {(r.answered_by, "answer", r.subject): "receive" for r in REQUESTS}
    wanted |= {(who, "ask", r.subject): "send" for r in REQUESTS for who in r.asked_by}
    assert exchanges == wanted
    for (service, action, subject), _ in wanted.items():
        rights = permissions(service)
        assert subject in rights["subscribe" if action == "answer" else "publish"]["allow"]
    for request in REQUESTS:
        for model in request.messages.values():
            for example in request.examples[model.__name__]:
                again = model.model_validate(example).model_dump(mode="json", exclude_unset=True)
                assert again == example, "an example holds what the class knows, as the class writes it"


@pytest.mark.parametrize("service", ASYNCAPI)
def test_every_message_has_examples_that_fit_it(service: str) -> None:
    document = ASYNCAPI[service]
    for name, message in document["components"]["messages"].items():
        assert message["examples"], name
        schema = {**message["payload"], "components": document["components"]}
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        for example in message["examples"]:
            assert [e.message for e in validator.iter_errors(example["payload"])] == [], name


def test_the_collection_has_every_operation_once() -> None:
    asked = []
    variables = {variable["key"] for variable in POSTMAN["variable"]}
    for folder in POSTMAN["item"]:
        for item in folder["item"]:
            request = item["request"]
            url = request["url"]
            own = {variable["key"] for variable in url["variable"]}
            path = "/" + "/".join(re.sub(r"^:(\w+)$|\{\{(\w+)\}\}", r"{\1\2}", part) for part in url["path"])
            asked.append((request["method"], path))
            named = set(re.findall(r"\{(\w+)\}", path))
            assert named <= own | variables, path
            operation = OPERATIONS[request["method"], path]
            assert operation["x-scope"] in request["description"]
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                assert json.loads(request["body"]["raw"]) == content["example"]
            keyed = [header for header in request["header"] if header["key"] == "Idempotency-Key"]
            assert len(keyed) == ("Idempotency-Key" in {p["name"] for p in operation.get("parameters", [])})
    assert sorted(asked) == sorted(OPERATIONS)


def _object(required: str, optional: str = "", **properties: Any) -> dict[str, Any]:
    """An object with these members and no other; those not given are texts."""
    names = [*required.split(), *optional.split()]
    return {
        "type": "object",
        "required": required.split(),
        "properties": {name: properties.get(name, {"type": "string"}) for name in names},
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


# As much of Postman's collection format 2.1 as a collection of ours uses.
PAIR = _object("key value", "description disabled type", disabled={"type": "boolean"})
URL = _object(
    "raw host path", "query variable",
    host=_list({"type": "string"}), path=_list({"type": "string"}), query=_list(PAIR), variable=_list(PAIR),
)  # fmt: skip
BODY = {
    "oneOf": [
        _object("mode raw options", mode={"const": "raw"}, options={"const": {"raw": {"language": "json"}}}),
        _object("mode file", mode={"const": "file"}, file={"const": {"src": None}}),
    ]
}
METHOD = {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]}
REQUEST = _object("method url", "header body description", method=METHOD, url=URL, header=_list(PAIR), body=BODY)
RESPONSE = _object(
    "name originalRequest code", "status _postman_previewlanguage header body",
    originalRequest=REQUEST, code={"type": "integer", "minimum": 200, "maximum": 299}, header=_list(PAIR),
)  # fmt: skip
ITEM = _object("name request", "response", request=REQUEST, response=_list(RESPONSE))
COLLECTION = _object(
    "info item", "auth variable",
    info=_object("name schema", "description"),
    auth=_object("type bearer", type={"const": "bearer"}, bearer=_list(PAIR)),
    variable=_list(PAIR),
    item=_list(_object("name item", item=_list(ITEM))),
)  # fmt: skip


def test_the_collection_is_one_that_postman_reads() -> None:
    faults = jsonschema_rs.Draft202012Validator(COLLECTION).iter_errors(POSTMAN)
    assert [f"{'/'.join(map(str, e.instance_path))}: {e.message[:200]}" for e in faults] == []
    assert POSTMAN["info"]["schema"] == "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    known = {variable["key"] for variable in POSTMAN["variable"]} | {"$guid"}
    assert set(re.findall(r"\{\{([^}]+)\}\}", json.dumps(POSTMAN))) <= known
    for item in (item for folder in POSTMAN["item"] for item in folder["item"]):
        url = item["request"]["url"]
        sent = "&".join(f"{q['key']}={q['value']}" for q in url["query"] if not q.get("disabled"))
        assert url["raw"] == "/".join([*url["host"], *url["path"]]) + (f"?{sent}" if sent else "")
        own = {variable["key"]: variable["value"] for variable in url["variable"]}
        assert {part[1:] for part in url["path"] if part.startswith(":")} == own.keys()
        assert all(own.values()), url["raw"]
        for response in item["response"]:
            json.loads(response["body"])


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ({"$ref": "#/components/schemas/Page_TaskView_"}, "TaskViewPage"),
        ({"type": "string", "format": "uuid"}, "UUID"),
        ({"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]}, "dt.date | None"),
        ({"type": "array", "items": {"type": "integer"}}, "Sequence[int]"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "tuple[int, str]"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "Mapping[str, float]"),
        ({"enum": ["a", None]}, "Annotated[Literal['a'], OPEN] | None"),
        ({"type": ["string", "null"]}, "str | None"),
        ({}, "Any"),
    ],
)
def test_a_schema_becomes_a_type(schema: dict[str, Any], annotation: str) -> None:
    assert client_code.type_of(schema) == annotation


def test_names_are_python() -> None:
    assert client_code.class_name("customer-view") == "CustomerView"
    assert client_code.class_name("CampaignPage_TaskView_") == "CampaignTaskViewPage"
    assert client_code.field_name("from") == "from_"
    assert client_code.field_name("If-Match") == "if_match"
    assert client_code.field_name("modelName") == "model_name_"


def test_public_names_are_listed_with_their_arguments(tmp_path: Path) -> None:
    package = tmp_path / "lib"
    package.mkdir()
    (package / "__init__.py").write_text("LIMIT = 3\n_HIDDEN = 4\n")
    (package / "inner.py").write_text(
        "class Box:\n    def put(self, what, *, safe=True): ...\n    def _turn(self): ...\n"
        "async def find(a, *rest, **more): ...\ndef _no(): ...\n"
    )
    assert exports(tmp_path, "lib").splitlines() == [
        "lib: LIMIT",
        "lib.inner: Box",
        "lib.inner: Box.put(what, safe=)",
        "lib.inner: find(a, *rest, **)",
    ]
