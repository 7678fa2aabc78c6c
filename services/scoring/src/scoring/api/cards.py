"""A version's card over HTTP: one HTML page, for whoever must judge the model."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from attune_service_kit.app import AnyRuntime
from attune_service_kit.errors import refusals
from scoring import version_cards
from scoring.api.models import Name, Reader
from scoring.cards.style import POLICY
from scoring.registry import UnknownVersion

router = APIRouter(tags=["models"])

# The page may do nothing, wherever it is opened: no script, no frame, no word to anybody.
PAGE_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@router.get(
    "/v1/models/{name}/versions/{version}/card",
    operation_id="models-card",
    summary="A version's card as a page with pictures",
    response_class=HTMLResponse,
    responses=refusals(UnknownVersion)
    | {200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The page"}},
)
async def card(
    name: Name, version: Annotated[int, Path(ge=1, le=2**31 - 1)], runtime: AnyRuntime, caller: Reader
) -> HTMLResponse:
    """Show a version's card: metrics, curves, calibration, importance, stability, drift, fairness; one file, no script.

    What was trained here has the page of its training, what was uploaded one of what its bank says of it.
    """
    async with runtime.database.transaction(caller.scope) as tx:
        found = await version_cards.of(tx, name, version)
    return HTMLResponse(found, headers=PAGE_HEADERS)
