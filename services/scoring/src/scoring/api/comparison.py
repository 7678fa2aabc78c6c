"""What a model earned, over HTTP: the comparison with no model, and the settings that say what counts."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.jobs import Job
from attune_service_kit.runtime import Runtime
from scoring import comparisons, watch_settings
from scoring.api.models import Name
from scoring.champions import NoChampion
from scoring.comparisons import OutcomeUnknown, outcome_unknown
from scoring.money import to_text
from scoring.registry import UnknownModel, answering
from scoring.watch_settings import OtherSettings, Outcome, Wanted, WatchSettings, WatchSettingsBody

router = APIRouter(tags=["models"])

Watcher = Annotated[Caller, Depends(requires("models:watch"))]
Administrator = Depends(requires("models:write"))
Group = Literal["model", "champion", "challenger", "no_model"]
Money = Annotated[str, Field(examples=["1214000.00"])]
Claim = Literal["proved", "not proved"]


class NothingCompared(NotFound):
    """There is no comparison of this model yet."""

    code = "nothing_compared"


class GroupView(BaseModel):
    """One group: its customers, each counted once, those with the outcome, and the amount of these postings."""

    group: Group = Field(examples=["model"])
    versions: list[int] = Field(description="Those that have answered for it in this time", examples=[[3]])
    n: int = Field(examples=[18021])
    responses: int = Field(examples=[1514])
    rate: float | None = Field(examples=[0.084])
    amount: Money


class RatioView(BaseModel):
    """Whether the groups' sizes fit the shares by which they were drawn."""

    p: float = Field(examples=[0.41])
    ok: bool


class EffectView(BaseModel):
    """Group less the other one: the difference of the rates with its interval of 95 %, and what it may claim."""

    difference: float | None = Field(examples=[0.021])
    low: float | None = Field(examples=[0.011])
    high: float | None = Field(examples=[0.03])
    method: str = Field(examples=["newcombe"])
    verdict: Claim = Field(examples=["proved"])
    reason: str = Field(examples=["interval_above_zero"])


class MoneyView(BaseModel):
    """The difference of the amounts a customer with its interval of 95 %, and that times the group's customers."""

    difference: Money | None = Field(examples=["67.37"])
    low: Money | None = Field(examples=["20.11"])
    high: Money | None = Field(examples=["114.63"])
    earned: Money | None
    earned_low: Money | None = Field(examples=["362402.31"])
    earned_high: Money | None = Field(examples=["2065747.23"])
    method: str = Field(examples=["welch"])
    verdict: Claim = Field(examples=["proved"])
    reason: str = Field(examples=["interval_above_zero"])


class ComparedView(BaseModel):
    """Two groups. Outcomes after `since` count, up to `until`; `final` when the window has closed.

    The customers are those of the snapshot `population_as_of`: who came later is in neither group.
    """

    group: GroupView
    against: GroupView
    since: date
    until: date | None
    final: bool
    population_as_of: date | None
    sample_ratio: RatioView
    response: EffectView
    money: MoneyView


class ComparisonView(BaseModel):
    """What a model earned, by intention to treat: everybody counts in the purpose's arm, contacted or not.

    First the model with none, over the time in which it has answered without a break; then, where a challenger stands,
    champion and challenger with none and with each other. The ledger's last day was `as_of`.
    """

    model: str
    purpose: str = Field(examples=["propensity"])
    outcome: Outcome
    settings_version: int
    shares_version: int
    as_of: date | None
    currency: str | None
    comparisons: list[ComparedView]


class WatchSettingsView(BaseModel):
    """The settings that hold; version 0 are the defaults. `outcome`: null where the model has none of the ledger."""

    version: int
    moderate: float = Field(examples=[0.1])
    major: float = Field(examples=[0.25])
    outcome: Outcome | None
    who: str | None
    since: datetime | None


async def _set(_: Runtime, tx: Transaction, name: str, wanted: Wanted) -> WatchSettingsView:
    return _settings(await watch_settings.change(tx, name, wanted))


async def _base(tx: Transaction, name: str) -> int:
    return (await watch_settings.current(tx.conn, name)).version


SETTINGS = Change("model.watch", Wanted, _set, _base)


@router.get(
    "/v1/models/{name}/comparison",
    operation_id="models-comparison",
    summary="What the model earned against no model",
    responses=refusals(UnknownModel, NothingCompared),
)
async def comparison(name: Name, runtime: AnyRuntime, caller: Watcher) -> ComparisonView:
    """Return the newest comparison; NothingCompared before the first one."""
    async with runtime.database.transaction(caller.scope) as tx:
        await watch_settings.current(tx.conn, name)
        found = await comparisons.newest(tx.conn, name)
    if found is None:
        raise NothingCompared("there is no comparison yet", "尚无对比结果")
    return shown(orjson.loads(found))


@router.post(
    "/v1/models/{name}/comparisons",
    operation_id="models-compare",
    summary="Compare the model with no model, from the ledger",
    status_code=202,
    dependencies=[Administrator],
    response_model=Job,
    responses=refusals(UnknownModel, NoChampion, OutcomeUnknown, *REFUSALS),
)
async def compare(name: Name, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the job; asking again while it runs gives the same one."""

    async def run(tx: Transaction) -> Job:
        settings = await watch_settings.current(tx.conn, name)
        if await answering(tx, name) is None:
            raise NoChampion("no version of this model answers yet", "该模型尚无生效版本")
        if settings.outcome is None:
            raise outcome_unknown(name)
        await tx.audit("compare", "model", name)
        return await runtime.jobs.view(tx, await runtime.jobs.start(tx, "compare", {"model": name}, key=name))

    return await write(run, status=202)


@router.get(
    "/v1/models/{name}/watch-settings",
    operation_id="models-watch-settings",
    summary="What counts as the model's outcome, and from which drift on something is said",
    responses=refusals(UnknownModel),
)
async def settings(name: Name, runtime: AnyRuntime, caller: Watcher) -> WatchSettingsView:
    """Return the settings that hold."""
    async with runtime.database.transaction(caller.scope) as tx:
        return _settings(await watch_settings.current(tx.conn, name))


@router.put(
    "/v1/models/{name}/watch-settings",
    operation_id="models-watch-settings-put",
    summary="Say what counts as the model's outcome, and from which drift on something is said",
    dependencies=[Administrator],
    response_model=WatchSettingsView,
    responses=refusals(UnknownModel, OtherSettings, Invalid, *REFUSALS),
)
async def put(
    name: Name, body: WatchSettingsBody, submit: Annotated[Submit, Depends(TwoPersons(SETTINGS))]
) -> Response:
    """Store a new version. Two persons: who chooses the outcome after the fact chooses the result."""
    return await submit(name, body.wanted())


def shown(content: dict[str, Any]) -> ComparisonView:
    """A stored comparison at the edge: money as decimal strings."""
    currency = content["currency"]

    def group(told: dict[str, Any]) -> dict[str, Any]:
        return told | {"amount": to_text(told["amount_minor"], currency)}

    def money(told: dict[str, Any]) -> dict[str, Any]:
        amounts = {name: told[name] for name in ("difference", "low", "high")}
        amounts |= {name: told[f"{name}_minor"] for name in ("earned", "earned_low", "earned_high")}
        return told | {n: None if v is None else to_text(round(v), currency) for n, v in amounts.items()}

    lines = [
        one | {"group": group(one["group"]), "against": group(one["against"]), "money": money(one["money"])}
        for one in content["comparisons"]
    ]
    return ComparisonView.model_validate(content | {"comparisons": lines})


def _settings(found: WatchSettings) -> WatchSettingsView:
    return WatchSettingsView.model_validate(found, from_attributes=True)
