from typing import Any

import pytest

from gateway.merging import merge, routes


def document(paths: dict[str, Any], **schemas: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


def operation(name: str, schema: str, tag: str = "t") -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"operationId": name, "tags": [tag], "responses": {"200": {"description": "ok", "content": content}}}


PROBLEM = {"type": "object", "properties": {"code": {"type": "string"}}}


def merged(**documents: dict[str, Any]) -> dict[str, Any]:
    return merge(documents, title="Attune", version="1", description="d")


def test_equal_components_are_shared() -> None:
    one = merged(
        a=document({"/v1/a": {"get": operation("a", "Problem")}}, Problem=PROBLEM),
        b=document({"/v1/b": {"get": operation("b", "Problem")}}, Problem=PROBLEM),
    )
    assert list(one["components"]["schemas"]) == ["Problem"]


def test_components_that_clash_get_the_services_name_and_so_do_those_that_refer_to_them() -> None:
    page = {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    one = merged(
        first=document({"/v1/a": {"get": operation("a", "Page")}}, Page=page, Item={"type": "string"}),
        my_second=document({"/v1/b": {"get": operation("b", "Page")}}, Page=page, Item={"type": "integer"}),
    )
    schemas = one["components"]["schemas"]
    assert set(schemas) == {"Page", "Item", "MySecondPage", "MySecondItem"}
    assert schemas["MySecondPage"]["items"] == {"$ref": "#/components/schemas/MySecondItem"}
    answer = one["paths"]["/v1/b"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/MySecondPage"}


def test_operation_ids_stay_unique_and_probes_stay_out() -> None:
    one = merged(
        a=document({"/v1/a": {"get": operation("jobs-get", "P")}, "/livez": {"get": operation("l", "P")}}, P=PROBLEM),
        b=document({"/v1/b": {"get": operation("jobs-get", "P")}}, P=PROBLEM),
    )
    assert set(one["paths"]) == {"/v1/a", "/v1/b"}
    assert [one["paths"][p]["get"]["operationId"] for p in ("/v1/a", "/v1/b")] == ["a-jobs-get", "b-jobs-get"]


def test_two_services_must_not_answer_the_same_path() -> None:
    with pytest.raises(ValueError, match="another service has already"):
        merged(
            a=document({"/v1/x/{id}": {"get": operation("a", "P")}}, P=PROBLEM),
            b=document({"/v1/x/{name}": {"get": operation("b", "P")}}, P=PROBLEM),
        )


def test_two_services_may_share_a_path_by_method() -> None:
    one = merged(
        a=document({"/v1/x/{id}": {"get": operation("a", "P")}}, P=PROBLEM),
        b=document({"/v1/x/{id}": {"post": operation("b", "P")}}, P=PROBLEM),
    )
    assert routes(one) == [
        {"method": "GET", "path": "/v1/x/{id}", "service": "a"},
        {"method": "POST", "path": "/v1/x/{id}", "service": "b"},
    ]


def test_what_the_gateway_refuses_stands_at_every_operation() -> None:
    shown = {"e": {"$ref": "#/components/examples/slower"}}

    def add(responses: dict[str, Any], components: dict[str, Any]) -> None:
        responses["429"] = {"description": "slower", "content": {"x": {"examples": shown}}}
        components.setdefault("examples", {})["slower"] = {"value": 1}

    documents = {"a": document({"/v1/a": {"get": operation("a", "P"), "put": operation("b", "P")}}, P=PROBLEM)}
    one = merge(documents, title="Attune", version="1", description="d", everywhere=add)
    assert all("429" in o["responses"] for o in one["paths"]["/v1/a"].values())
    assert one["components"]["examples"] == {"slower": {"value": 1}}


def test_components_that_nothing_uses_are_left_out() -> None:
    one = merged(a=document({"/v1/a": {"get": operation("a", "P")}}, P=PROBLEM, Forgotten={"type": "string"}))
    assert list(one["components"]["schemas"]) == ["P"]
