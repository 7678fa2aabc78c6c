"""Every list of the API is read in pages by keyset, can be narrowed, and is sorted by what is allowed or by its key."""

import json
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "gateway" / "src" / "gateway" / "openapi.json").read_text("utf-8")
)
SCHEMAS = DOCUMENT["components"]["schemas"]

# Answers with `items` that are no lists of rows, and why.
NO_LISTS = {
    "/v1/customers": "one bank id: a record of each source system that uses it",
    "/v1/features": "the catalogue, a constant of the code",
    "/v1/segments": "what segments there are, a constant of the code",
}
# In the order of a key that does not change: of these there is no earlier or later, no more or less.
BY_KEY = {
    "/v1/branches": "branch",
    "/v1/branches/{branch_id}/unassigned-customers": "customer",
    "/v1/campaigns/{code}/assignments": "customer",
    "/v1/consent-notices": "purpose and version",
    "/v1/customers/{customer_id}/tags": "tag and source",
    "/v1/employees/{employee_id}/customers": "customer",
    "/v1/models": "name",
    "/v1/offers": "code",
    "/v1/opportunities/clock": "branch, channel or trigger",
    "/v1/scripts": "id",
    "/v1/segments/{code}/members": "customer",
    "/v1/tag-definitions": "tag",
    "/v1/triggers": "name",
    "/v1/triggers/{name}/versions": "version",
    "/v1/unassigned-customers": "branch",
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def properties(operation: dict[str, Any]) -> dict[str, Any]:
    """What the answer of an operation has, by name; nothing for what is no object of JSON."""
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    found: dict[str, Any] = resolved(content.get("schema", {})).get("properties", {})
    return found


LISTS = {
    path: item["get"]
    for path, item in DOCUMENT["paths"].items()
    if "items" in properties(item.get("get", {"responses": {}})) and path not in NO_LISTS
}


def query(path: str) -> dict[str, Any]:
    return {p["name"]: p["schema"] for p in LISTS[path].get("parameters", []) if p["in"] == "query"}


def test_every_list_is_read_in_pages() -> None:
    assert len(LISTS) > 40
    for path in LISTS:
        asked = query(path)
        assert {"limit", "cursor"} <= asked.keys(), path
        assert (asked["limit"]["minimum"], asked["limit"]["maximum"]) == (1, 200), path
        assert "next_cursor" in properties(LISTS[path]), path
        assert not {"offset", "page", "skip"} & asked.keys(), path
        assert "invalid_cursor" in LISTS[path]["responses"]["400"]["x-codes"], path


def test_every_list_can_be_narrowed() -> None:
    """By a filter, or because it is that of one customer, branch, campaign or segment."""
    assert [p for p in LISTS if "{" not in p and not query(p).keys() - {"limit", "cursor", "sort"}] == []


def test_every_list_is_sorted_by_an_allow_list_or_by_its_key() -> None:
    assert [path for path in LISTS if "sort" not in query(path)] == sorted(BY_KEY)
    for path in LISTS.keys() - BY_KEY.keys():
        sort = query(path)["sort"]
        assert len(sort["enum"]) > 1, path
        assert sort["default"] in sort["enum"], path


def test_what_is_no_list_is_one_of_few() -> None:
    """An answer with `items` and without pages has its reason above, and is still there."""
    with_items = {
        path for path, item in DOCUMENT["paths"].items() if "get" in item and "items" in properties(item["get"])
    }
    assert with_items - LISTS.keys() == NO_LISTS.keys()
