"""Tags over HTTP: their definitions, and what a customer has."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from customer_360 import tag_definitions, tags
from customer_360.api.models.common import Names
from customer_360.api.models.tags import (
    TagAssignment,
    TagDefinitionChange,
    TagDefinitionView,
    TagDeletionView,
    TagName,
    TagView,
)

router = APIRouter(tags=["tags"])

Reader = Annotated[Caller, Depends(requires("customers:read"))]
Assigner = Annotated[Caller, Depends(requires("tags:write"))]
Deleter = Annotated[Caller, Depends(requires("customers:write"))]
Definer = Annotated[Caller, Depends(requires("tags:define"))]
Idempotent = Annotated[Write, Depends(idempotent)]


@router.get(
    "/v1/tag-definitions",
    operation_id="tag-definitions-list",
    summary="What tags there are and what they mean",
    responses=refusals(Invalid, InvalidCursor),
)
async def list_definitions(
    runtime: AnyRuntime,
    caller: Reader,
    customer_visible: Annotated[bool | None, Query(description="Only those that customers see, or do not")] = None,
    personal: Annotated[bool | None, Query(description="Only those that are a profile, or are not")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TagDefinitionView]:
    """List definitions by name; a customer's token is shown those that customers may see."""
    shown = True if caller.customer is not None else customer_visible
    key, bound = runtime.settings.cursor_key, ("tag-definitions", caller.subject, shown, personal)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    rows = await tag_definitions.page(runtime, shown, personal, after, limit + 1)
    return page([_definition(row) for row in rows], limit, key, lambda d: [d.tag], bound_to=bound)


@router.put(
    "/v1/tag-definitions/{tag}",
    operation_id="tag-definitions-define",
    summary="Define a tag, or change its definition",
    response_model=TagDefinitionView,
    responses=refusals(Invalid, tag_definitions.StaleDefinition),
)
async def define(tag: TagName, body: TagDefinitionChange, _caller: Definer, write: Idempotent) -> Response:
    """Say what a tag means, who answers for it and how long it lives. Customers' tags follow at once."""
    wanted = tag_definitions.Definition(
        name_zh=body.name.zh,
        name_en=body.name.en,
        allowed=tuple(dict.fromkeys(body.values)),
        owner=body.owner,
        purpose=body.purpose,
        personal=body.personal,
        customer_visible=body.customer_visible,
        keep_days=body.keep_days,
    )

    async def run(tx: Transaction) -> TagDefinitionView:
        return _definition(await tag_definitions.define(tx, tag, wanted, version=body.version))

    return await write(run)


@router.get(
    "/v1/customers/{customer_id}/tags",
    operation_id="tags-list",
    summary="A customer's tags",
    responses=refusals(NotFound, Invalid, InvalidCursor),
)
async def list_tags(
    customer_id: UUID, runtime: AnyRuntime, caller: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Page[TagView]:
    """List tags by name and source, no expired ones. Customers see those that are meant for them."""
    key, bound = runtime.settings.cursor_key, ("tags", caller.subject, customer_id)
    after = decode_cursor(key, cursor, bound_to=bound) if cursor else []
    rows = await tags.page(runtime, caller, customer_id, after, limit + 1)
    return page([_tag(row) for row in rows], limit, key, lambda t: [t.tag, t.source], bound_to=bound)


@router.put(
    "/v1/customers/{customer_id}/tags/{tag}",
    operation_id="tags-assign",
    summary="Give a customer a tag",
    response_model=TagView,
    responses=refusals(NotFound, Invalid, tags.UnknownTag, tags.ValueNotAllowed, tags.ExpiryRefused, tags.TagDeleted),
)
async def assign(
    customer_id: UUID, tag: TagName, body: TagAssignment, runtime: AnyRuntime, caller: Assigner, write: Idempotent
) -> Response:
    """Give the tag, or another value of it; its source is `staff`. What the customer has deleted is refused."""
    wanted = tags.Assignment(tag, body.value, body.expires_on)

    async def run(tx: Transaction) -> TagView:
        return _tag(await tags.assign(tx, caller, customer_id, wanted, runtime.clock.date_of(tx.now)))

    return await write(run)


@router.delete(
    "/v1/customers/{customer_id}/tags/{tag}",
    operation_id="tags-delete",
    summary="Delete a tag for good",
    response_model=TagDeletionView,
    responses=refusals(NotFound, Invalid, tags.UnknownTag),
)
async def delete(
    customer_id: UUID,
    tag: TagName,
    caller: Deleter,
    write: Idempotent,
    source: Annotated[str | None, Query(max_length=40, description="Only from this source; all, if not named")] = None,
) -> Response:
    """Delete the tag; the same source never gives it again. Customers delete what they may see."""

    async def run(tx: Transaction) -> TagDeletionView:
        sources = await tags.delete(tx, caller, customer_id, tag, source)
        return TagDeletionView(customer_id=customer_id, tag=tag, sources=sources)

    return await write(run)


def _tag(row: dict[str, Any]) -> TagView:
    values = {name: row[name] for name in TagView.model_fields if name != "name"}
    return TagView(name=Names(zh=row["name_zh"], en=row["name_en"]), **values)


def _definition(row: dict[str, Any]) -> TagDefinitionView:
    values = {name: row[name] for name in TagDefinitionView.model_fields if name not in ("name", "values")}
    return TagDefinitionView(name=Names(zh=row["name_zh"], en=row["name_en"]), values=row["allowed"], **values)
