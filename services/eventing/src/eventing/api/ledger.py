"""The ledger over HTTP: postings one by one, and files of them."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from attune_contracts.datasets import LedgerDataset
from attune_contracts.ledger import BankId, Code, Currency, Direction, Flag
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.files import MappingError, runs
from attune_service_kit.files.requests import WhatToImport
from attune_service_kit.files.routes import history
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import JobView
from attune_service_kit.runtime import Runtime
from attune_service_kit.value_texts import Misfit
from eventing import imports, intake, money, upkeep
from eventing.postings import EARLIEST

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])
imports_history = history("eventing", "/v1/ledger/imports")

Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,13}(\.[0-9]{1,4})?$")]
Source = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class PostingRefused(Invalid):
    """A posting cannot be what it says; `at` is its place in the list."""

    code = "posting_refused"


class PostingIn(Body):
    """One posting as the bank books it."""

    posting_id: BankId
    account_id: BankId = Field(description="The bank's own account id")
    business_date: date = Field(description="The bank's booking day")
    booked_at: AwareDatetime | None = None
    direction: Direction
    amount: Amount = Field(description='Decimal string with the currency\'s own places, e.g. "86000.00"')
    currency: Currency
    kind: Code
    channel: Code | None = None
    flags: list[Flag] = Field(default_factory=list, max_length=4)
    reverses: BankId | None = Field(default=None, description="The posting id that this one undoes")


class PostingsIn(Body):
    """Postings of one source system; `source` is the name in its mapping file."""

    source: Source
    postings: list[PostingIn] = Field(min_length=1, max_length=500)


class PostingsTaken(BaseModel):
    """What became of them: on their way, known before, or waiting for their account."""

    accepted: int
    duplicates: int
    waiting: int
    clashes: list[str] = Field(
        description="Ids among the duplicates that came before with other content; what came first holds", examples=[[]]
    )


class ImportRequest(WhatToImport):
    """What to import: a mapping and the folder with the bank's files."""

    datasets: list[LedgerDataset] = Field(min_length=1, max_length=2)


class ReconciliationRequest(Body):
    """Which day to compare; with the bank's own file of it, or else with what the lake has."""

    business_date: date = Field(alias="date")
    mapping: dict[str, Any] | None = Field(default=None, description="The mapping file's content")
    folder: str | None = Field(
        default=None, min_length=1, max_length=1000, description="A folder that the service can read"
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.mapping is None) != (self.folder is None):
            raise Misfit("a mapping needs a folder, and a folder a mapping", "映射与目录须一并填写")
        return self


@router.post(
    "/postings",
    status_code=202,
    operation_id="ledger-post",
    summary="Take in postings as they are booked",
    dependencies=[Depends(requires("ledger:write"))],
    response_model=PostingsTaken,
    responses=refusals(PostingRefused, KeyMissing, InFlight, OtherPayload),
)
async def post(body: PostingsIn, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Send postings to the ledger's stream, each once, whatever is repeated."""
    received = [_received(at, posting, runtime) for at, posting in enumerate(body.postings)]

    async def run(tx: Transaction) -> PostingsTaken:
        taken = await intake.take(tx, body.source, received, upkeep.sender(runtime))
        return PostingsTaken(
            accepted=taken.accepted, duplicates=taken.duplicates, waiting=taken.waiting, clashes=list(taken.clashes)
        )

    return await write(run, status=202)


def _received(at: int, posting: PostingIn, runtime: Runtime) -> intake.Received:
    try:
        minor = money.to_minor(Decimal(posting.amount), posting.currency)
    except money.NotAnAmount as error:
        raise PostingRefused("the amount is none of this currency", "金额与币种不符", at=at) from error
    if posting.business_date < EARLIEST:
        raise PostingRefused("the business date lies too far back", "记账日期过早", at=at)
    if runtime.settings.clock == "wall" and (posting.business_date - runtime.clock.business_date()).days > 1:
        raise PostingRefused("the business date lies in the future", "记账日期在未来", at=at)
    fields = posting.model_dump(mode="json", exclude={"amount", "account_id"}) | {"amount_minor": minor}
    return intake.Received(posting.posting_id, posting.account_id, fields)


@router.post(
    "/imports",
    status_code=202,
    operation_id="ledger-import",
    summary="Import postings and behaviours from the bank's files",
    dependencies=[Depends(requires("imports:write"))],
    response_model=JobView,
    responses=refusals(
        imports.FolderRefused, imports.NotMapped, MappingError, runs.ImportIdTaken, KeyMissing, InFlight, OtherPayload
    ),
)
async def start_import(
    body: ImportRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Start the job that brings the files into the lake. Keyed state is not touched: that is what a replay does."""
    params = imports.checked(runtime.settings, body.import_id, body.mapping, body.folder, body.datasets)

    async def run(tx: Transaction) -> JobView:
        return await runs.begin(runtime, tx, str(body.mapping["source"]), params)

    return await write(run, status=202)


@router.post(
    "/reconciliations",
    status_code=202,
    operation_id="ledger-reconcile",
    summary="Compare a day's file with what came by the stream",
    dependencies=[Depends(requires("imports:write"))],
    response_model=JobView,
    responses=refusals(
        imports.FolderRefused, imports.NotMapped, MappingError, Invalid, KeyMissing, InFlight, OtherPayload
    ),
)
async def reconcile(
    body: ReconciliationRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Start the job. What is missing from the stream is sent there once; differences are listed, not repaired."""
    day = body.business_date.isoformat()
    params: dict[str, Any] = {"date": day}
    if body.mapping is not None and body.folder is not None:
        params |= imports.named(runtime.settings, body.mapping, body.folder)

    async def run(tx: Transaction) -> JobView:
        job_id = await runtime.jobs.start(tx, "reconcile", params, key=f"{day}:{params.get('folder', 'lake')}")
        await tx.audit("reconciliation.started", "reconciliation", day, detail={"file": body.mapping is not None})
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)
