"""Campaigns and their results over HTTP."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Response

from attune_measure.arms import basis_points
from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.jobs import Job
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from campaign import assignments, campaigns
from campaign.api.models import (
    AssignmentView,
    BothLanguages,
    CampaignChange,
    CampaignView,
    ResultView,
)
from campaign.visibility import sees_arms

router = APIRouter(tags=["campaigns"])

Reader = Annotated[Caller, Depends(requires("campaigns:read"))]
Writer = Annotated[Caller, Depends(requires("campaigns:write"))]
ResultReader = Annotated[Caller, Depends(requires("results:read"))]
ResultWriter = Annotated[Caller, Depends(requires("results:write"))]
Code = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,39}$")]

_NEWEST_RESULT = "SELECT content::text FROM result WHERE campaign = $1 ORDER BY id DESC LIMIT 1"


@router.get("/v1/campaigns/{code}", operation_id="campaigns-get", summary="One campaign", responses=refusals(NotFound))
async def get(code: Code, runtime: AnyRuntime, caller: Reader) -> CampaignView:
    """Return the newest version of a campaign."""
    return _view(await campaigns.get(runtime.database.reads(caller.scope), code))


async def _change(_: Runtime, tx: Transaction, code: str, body: CampaignChange) -> CampaignView:
    try:
        share = basis_points(body.control_share)
    except ValueError as error:
        raise Invalid("control_share is a multiple of 0.0001", "对照比例须为 0.0001 的整数倍") from error
    wanted = campaigns.Change(
        control_share_bp=share,
        outcome_kinds=tuple(body.outcome_kinds),
        window_business_days=body.window_business_days,
        enabled=body.enabled,
        product_kind=body.product_kind,
        escalate_after_hours=body.escalate_after_hours,
        expire_after_hours=body.expire_after_hours,
        channels=tuple(body.channels),
        priority=body.priority,
        script_zh=body.script.zh if body.script else None,
        script_en=body.script.en if body.script else None,
    )
    return _view(await campaigns.change(tx, code, wanted, version=body.version))


async def _version(tx: Transaction, code: str) -> int:
    return (await campaigns.get(tx.conn, code)).version


CHANGE = Change("campaign.change", CampaignChange, _change, _version)


@router.put(
    "/v1/campaigns/{code}",
    operation_id="campaigns-change",
    summary="Change a campaign",
    response_model=CampaignView,
    responses=refusals(NotFound, Invalid, campaigns.StaleVersion),
)
async def change(
    code: Code, body: CampaignChange, _caller: Writer, submit: Annotated[Submit, Depends(TwoPersons(CHANGE))]
) -> Response:
    """Store a new version. Opportunities that are open keep the arm they were given."""
    return await submit(code, body)


@router.post(
    "/v1/campaigns/{code}/results",
    operation_id="campaigns-measure",
    summary="Compute the campaign's result from the ledger",
    status_code=202,
    response_model=Job,
    responses=refusals(NotFound),
)
async def measure(
    code: Code, runtime: AnyRuntime, _caller: ResultWriter, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Start the job; asking again while it runs gives the same one."""

    async def run(tx: Transaction) -> Job:
        campaign = await campaigns.get(tx.conn, code)
        job = await runtime.jobs.start(tx, "measure", {"campaign": campaign.code}, key=campaign.code)
        return await runtime.jobs.view(tx, job)

    return await write(run, status=202)


@router.get(
    "/v1/campaigns/{code}/results",
    operation_id="campaigns-results",
    summary="The newest result",
    responses=refusals(NotFound),
)
async def results(code: Code, runtime: AnyRuntime, caller: ResultReader) -> ResultView:
    """Return the newest computed result; NotFound before the first one."""
    content = await runtime.database.reads(caller.scope).fetchval(_NEWEST_RESULT, code)
    if content is None:
        raise NotFound("there is no result yet", "尚无结果")
    return ResultView.model_validate(orjson.loads(content))


@router.get(
    "/v1/campaigns/{code}/assignments",
    operation_id="campaigns-assignments",
    summary="Who was assigned to which arm",
    responses=refusals(NotFound, Forbidden, InvalidCursor),
)
async def list_assignments(
    code: Code, runtime: AnyRuntime, caller: ResultReader, cursor: Cursor = None, limit: Limit = 200
) -> Page[AssignmentView]:
    """List the population of the result, for whoever checks it from outside."""
    if not sees_arms(caller):
        raise Forbidden("arms are for marketers, auditors and operators", "无权查看分组")
    key, bound = runtime.settings.cursor_key, ("assignments", caller.subject, code)
    after: UUID | None = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    reads = runtime.database.reads(caller.scope)
    await campaigns.get(reads, code)
    found = await assignments.page(reads, code, after, limit + 1)
    views = [AssignmentView.model_validate(a, from_attributes=True) for a in found]
    return page(views, limit, key, lambda view: [view.customer_id], bound_to=bound)


def _view(campaign: campaigns.Campaign) -> CampaignView:
    return CampaignView(
        code=campaign.code,
        version=campaign.version,
        trigger=campaign.trigger,
        trigger_retired_at=campaign.trigger_retired_at,
        name=BothLanguages(zh=campaign.name_zh, en=campaign.name_en),
        control_share=campaign.control_share_bp / 10_000,
        outcome=campaign.outcome,
        outcome_kinds=list(campaign.outcome_kinds),
        window_business_days=campaign.window_business_days,
        enabled=campaign.enabled,
        product_kind=campaign.product_kind,
        escalate_after_hours=campaign.escalate_after_hours,
        expire_after_hours=campaign.expire_after_hours,
        channels=list(campaign.channels),
        priority=campaign.priority,
        script=shown_script(campaign),
    )


def shown_script(campaign: campaigns.Campaign) -> BothLanguages | None:
    """What to say; None where the campaign says nothing."""
    if campaign.script_zh is None or campaign.script_en is None:
        return None
    return BothLanguages(zh=campaign.script_zh, en=campaign.script_en)
