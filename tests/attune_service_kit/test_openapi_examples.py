"""Examples of the documents: hand-written ones win, the rest follows from the schema; refusals in their own words."""

from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, Field

from attune_service_kit import openapi
from attune_service_kit.auth import requires
from attune_service_kit.errors import Conflict, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.openapi_examples import Examples
from attune_service_kit.paging import Page


class Taken(Conflict):
    """Somebody else has it."""

    code = "shelf_taken"
    shown = "somebody else has the shelf", "货架已被占用"


class Box(BaseModel):
    """A box, and the box inside it."""

    customer_id: UUID
    label: str = Field(pattern="^[a-z]{3}$", examples=["tea"])
    inside: "Box | None" = None
    sizes: tuple[int, int] = (1, 2)
    counts: dict[str, int] = Field(default_factory=dict)


class Written(BaseModel):
    """An answer whose example is written by hand."""

    model_config = {"json_schema_extra": {"examples": [{"code": "x", "note": None, "boxes": [{"label": "tin"}]}]}}

    code: str
    note: str | None
    boxes: list[dict[str, str]]


def nothing_here() -> NotFound:
    """What the routes below refuse with."""
    return NotFound("there is no such shelf", "货架不存在")


def document() -> dict[str, Any]:
    router = APIRouter(tags=["shelves"])

    @router.post(
        "/v1/shelves/{shelf_id}",
        responses=refusals(NotFound, Taken),
        dependencies=[Depends(requires("customers:read"))],
    )
    async def put(shelf_id: UUID, body: Box, write: Annotated[Write, Depends(idempotent)]) -> Page[Written]:
        """Put a box on a shelf."""
        raise nothing_here()

    app = FastAPI()
    app.include_router(router)
    return openapi.describe(app)


def test_an_operation_gets_whatever_examples_it_lacks() -> None:
    described = document()
    operation = described["paths"]["/v1/shelves/{shelf_id}"]["post"]
    assert UUID(operation["parameters"][0]["example"])
    body = operation["requestBody"]["content"]["application/json"]["example"]
    assert (body["label"], body["sizes"], body["counts"]) == ("tea", [1, 1], {"count": 1})
    assert body["inside"]["inside"]["label"] == "tea"
    [item] = operation["responses"]["200"]["content"]["application/json"]["example"]["items"]
    assert item == {"code": "x", "note": None, "boxes": [{"label": "tin"}]}


def test_refusals_are_shown_in_the_words_of_whoever_gives_them() -> None:
    described = document()
    responses = described["paths"]["/v1/shelves/{shelf_id}"]["post"]["responses"]
    assert responses["409"]["x-codes"] == ["shelf_taken", "idempotency_key_in_flight"]
    assert responses["422"]["x-codes"] == ["invalid", "idempotency_key_reused"]
    shown = {}
    for status in ("404", "409"):
        for code, example in responses[status]["content"]["application/problem+json"]["examples"].items():
            shown[code] = described["components"]["examples"][example["$ref"].rpartition("/")[2]]["value"]
    assert shown["not_found"]["detail"] == {"en": "there is no such shelf", "zh": "货架不存在"}
    assert shown["shelf_taken"]["detail"] == {"en": "somebody else has the shelf", "zh": "货架已被占用"}
    assert shown["shelf_taken"]["type"] == "urn:attune:problem:shelf_taken"
    assert shown["idempotency_key_in_flight"]["status"] == 409


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string", "format": "date"}, "2026-03-17"),
        ({"type": "integer", "minimum": 7}, 7),
        ({"type": "integer", "maximum": 0}, 0),
        ({"type": "number", "minimum": 0, "maximum": 1}, 0.5),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 4}, 4),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"type": "array", "items": {"type": "string", "format": "uuid"}, "minItems": 2}, 2),
        ({"type": "object"}, {}),
    ],
)
def test_values_fit_their_schema(schema: dict[str, Any], example: Any) -> None:
    made = Examples({}).of(schema)
    assert (len(made) if isinstance(made, list) else made) == example


def test_a_sample_is_used_where_it_fits() -> None:
    text = {"type": "string"}
    assert Examples({}).of(text, "currency") == "CNY"
    assert Examples({}).of({"type": "integer"}, "currency") == 1
    assert Examples({}).of({**text, "enum": ["EUR"]}, "currency") == "EUR"
    assert Examples({}).of({**text, "maxLength": 2}, "currency") == "cu"
    assert Examples({}).of(text, "id", "script") == "s-td-b-counter"
