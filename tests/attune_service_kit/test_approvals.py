"""Maker-checker: one person proposes, another approves, and what is approved is what was proposed, once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy import MetaData

from attune_contracts.eventing import ClockAdvanced
from attune_contracts.identifiers import new_id
from attune_service_kit import database as database_module
from attune_service_kit.app import create_app
from attune_service_kit.approvals import Approvals, Change, Submit, TwoPersons, Undeclared
from attune_service_kit.auth import DevelopmentIssuer, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Database, Transaction
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.errors import Conflict, NotFound
from attune_service_kit.runtime import Runtime
from attune_service_kit.service import Service
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.tables import kit_tables

MAKER, CHECKER, OTHER = "m0417", "c0001", "c0002"


class NoteChange(Body):
    """A note as it shall be."""

    text: str = Field(max_length=50)
    share: float = 0.1


class NoteView(BaseModel):
    text: str
    version: int


async def change_note(_: Runtime, tx: Transaction, note: str, body: NoteChange) -> NoteView:
    if body.text == "impossible":
        raise Conflict("impossible", "不可能")
    version = await tx.conn.fetchval(
        "UPDATE note SET text = $2, version = version + 1 WHERE id = $1 RETURNING version", int(note), body.text
    )
    tx.emit_to(ClockAdvanced(now=tx.now, business_date=tx.now.date(), partition=0), 0)
    await tx.audit("note.changed", "note", note, version=version)
    return NoteView(text=body.text, version=version)


async def version_of(tx: Transaction, note: str) -> object:
    if (found := await tx.conn.fetchval("SELECT version FROM note WHERE id = $1", int(note))) is None:
        raise NotFound("no such note", "没有该记录")
    return found


CHANGE = Change("note.change", NoteChange, change_note, version_of)
routes = APIRouter(tags=["notes"])


@routes.put(
    "/v1/notes/{note_id}",
    operation_id="change_note",
    dependencies=[Depends(requires("campaigns:write"))],
    response_model=NoteView,
)
async def put(note_id: int, body: NoteChange, submit: Annotated[Submit, Depends(TwoPersons(CHANGE))]) -> Response:
    """Change a note."""
    return await submit(str(note_id), body)


@pytest.fixture
def service(sample_service: Service) -> Service:
    """The sample service with notes that two persons change."""
    metadata = MetaData()
    kit_tables(metadata)
    approvals = Approvals("campaigns:approve", (CHANGE,))
    return replace(sample_service, metadata=metadata, routers=[routes], approvals=approvals)


@dataclass
class Desk:
    """The running service, and everybody who may come to it."""

    client: httpx.AsyncClient
    database: Database
    issuer: DevelopmentIssuer
    path: str = "/v1/proposals/sample"

    async def send(
        self, method: str, path: str, role: str, subject: str, body: Any = None, key: str | None = None
    ) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.issuer.issue(role, subject=subject)[0]}",
            "Idempotency-Key": key or uuid4().hex,
        }
        return await self.client.request(method, path, json=body, headers=headers)

    async def propose(self, text: str = "new", subject: str = MAKER, note: int = 1, **more: Any) -> httpx.Response:
        return await self.send("PUT", f"/v1/notes/{note}", "marketer", subject, {"text": text, **more})

    async def approve(
        self, proposal: dict[str, Any], subject: str = CHECKER, role: str = "approver", **more: Any
    ) -> httpx.Response:
        body = {"sha256": more.pop("sha256", proposal["sha256"])}
        return await self.send("POST", f"{self.path}/{proposal['id']}:approve", role, subject, body, **more)

    async def state(self, proposal: dict[str, Any]) -> str:
        answer = await self.send("GET", f"{self.path}/{proposal['id']}", "auditor", "a1")
        return str(answer.json()["state"])

    async def note(self) -> tuple[Any, ...]:
        return tuple(await self.database.pool.fetchrow("SELECT text, version FROM note WHERE id = 1"))

    async def trail(self) -> list[tuple[Any, ...]]:
        rows = await self.database.pool.fetch("SELECT what, who, detail ->> 'approved_by' FROM audit ORDER BY id")
        return [tuple(row) for row in rows]

    async def events(self) -> int:
        return int(await self.database.pool.fetchval("SELECT count(*) FROM outbox"))


Open = Callable[..., Any]


@pytest.fixture
async def open_desk(
    sample_database: Database,
    sample_settings: Callable[..., ServiceSettings],
    issuer: DevelopmentIssuer,
    service: Service,
) -> AsyncIterator[Open]:
    """Start the service with other settings than `maker_checker` on."""
    ends: list[Any] = []
    await sample_database.pool.execute("INSERT INTO note (id, text) VALUES (1, 'old'), (2, 'old')")

    async def start(**settings: Any) -> Desk:
        app = create_app(service, sample_settings(**{"maker_checker": "on"} | settings))
        lifespan = app.router.lifespan_context(app)
        await lifespan.__aenter__()
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample")
        ends.extend((client, lifespan))
        return Desk(client, sample_database, issuer)

    yield start
    for end in ends:
        await end.__aexit__(None, None, None)


@pytest.fixture
async def desk(open_desk: Open) -> Desk:
    """The service, where two persons are needed."""
    found: Desk = await open_desk()
    return found


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_a_change_waits_and_is_made_once_when_another_person_approves_it(desk: Desk) -> None:
    proposed = await desk.propose()
    proposal = proposed.json()
    assert (proposed.status_code, proposal["state"], proposal["maker"]) == (202, "pending", MAKER)
    assert (proposal["kind"], proposal["entity"], proposal["base"]) == ("note.change", "1", "1")
    assert proposal["payload"] == {"text": "new", "share": 0.1}  # defaults too: all that is going to be done
    # It has been tried, and nothing of that is left.
    assert (await desk.note(), await desk.events()) == (("old", 1), 0)
    assert await desk.trail() == [("proposal.made", MAKER, None)]

    first = await desk.approve(proposal, key="approve-000000001")
    again = await desk.approve(proposal, key="approve-000000001")
    more = await desk.approve(proposal, subject=OTHER)

    assert (first.status_code, first.json()["state"], first.json()["decided_by"]) == (200, "approved", CHECKER)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert code(more) == (409, "proposal_settled")
    assert (await desk.note(), await desk.events()) == (("new", 2), 1)
    assert await desk.trail() == [
        ("proposal.made", MAKER, None),
        ("note.changed", MAKER, CHECKER),
        ("proposal.approved", CHECKER, None),
    ]


@pytest.mark.parametrize(
    ("role", "subject"),
    [("approver", MAKER), ("approver", "M0417"), ("approver", "Ｍ０４１７"), ("marketer", MAKER)],
    ids=["another role", "in capitals", "in full width", "a second tab"],
)
async def test_nobody_approves_their_own_and_the_attempt_is_on_record(desk: Desk, role: str, subject: str) -> None:
    proposal = (await desk.propose()).json()

    refused = await desk.approve(proposal, subject=subject, role=role)

    assert code(refused) == (403, "own_proposal")
    assert (await desk.state(proposal), await desk.note()) == ("pending", ("old", 1))
    assert await desk.trail() == [("proposal.made", MAKER, None), ("proposal.self_approval_refused", subject, None)]
    # Whoever has not made it needs the scope, and a name that only begins alike is another's.
    assert code(await desk.approve(proposal, subject="m04170", role="marketer")) == (403, "forbidden")
    assert (await desk.approve(proposal, subject="m04170")).status_code == 200


async def test_what_is_approved_is_what_was_proposed_on_the_version_it_was_proposed_on(desk: Desk) -> None:
    proposal = (await desk.propose("first")).json()
    replaced = (await desk.propose("second")).json()  # the maker's own: the one before is withdrawn
    assert await desk.state(proposal) == "withdrawn"
    assert code(await desk.propose("third", subject=OTHER)) == (409, "proposal_pending")
    assert code(await desk.approve(replaced, sha256=proposal["sha256"])) == (409, "not_what_was_proposed")
    await desk.database.pool.execute("UPDATE note SET version = 7 WHERE id = 1")
    assert code(await desk.approve(replaced)) == (409, "proposal_outdated")
    assert (await desk.state(replaced), await desk.note()) == ("pending", ("old", 7))

    anew = (await desk.propose("second")).json()

    assert (anew["base"], (await desk.approve(anew)).status_code, await desk.note()) == ("7", 200, ("second", 8))


async def test_what_is_rejected_withdrawn_or_expired_is_never_made(desk: Desk, open_desk: Open) -> None:
    hasty: Desk = await open_desk(proposal_hours=1e-7)
    expired = (await hasty.propose()).json()
    assert code(await desk.approve(expired)) == (409, "proposal_settled")
    assert await desk.state(expired) == "expired"

    rejected = (await desk.propose()).json()  # what is expired holds nobody up
    reason = {"reason": "too much"}
    path = f"{desk.path}/{rejected['id']}"
    assert code(await desk.send("POST", f"{path}:withdraw", "marketer", OTHER)) == (403, "not_your_proposal")
    assert (await desk.send("POST", f"{path}:reject", "approver", CHECKER, reason)).json()["reason"] == "too much"
    withdrawn = (await desk.propose()).json()
    path = f"{desk.path}/{withdrawn['id']}"
    assert (await desk.send("POST", f"{path}:withdraw", "marketer", MAKER)).json()["state"] == "withdrawn"

    for settled in (rejected, withdrawn):
        assert code(await desk.approve(settled)) == (409, "proposal_settled")
    assert await desk.note() == ("old", 1)
    unknown = {"id": str(new_id()), "sha256": "0" * 64}
    assert code(await desk.approve(unknown)) == (404, "unknown_proposal")


async def test_what_cannot_be_done_is_not_proposed(desk: Desk) -> None:
    assert code(await desk.propose("impossible")) == (409, "conflict")
    assert code(await desk.propose(note=9)) == (404, "not_found")
    assert (await desk.trail(), await desk.events()) == ([], 0)


async def test_of_two_approvers_at_once_one_makes_the_change(desk: Desk) -> None:
    proposal = (await desk.propose()).json()

    answers = await asyncio.gather(*(desk.approve(proposal, subject=f"c{n}") for n in range(4)))

    assert sorted(map(code, answers)) == [(200, ""), *[(409, "proposal_settled")] * 3]
    assert (await desk.note(), await desk.events()) == (("new", 2), 1)
    assert [what for what, *_ in await desk.trail()] == ["proposal.made", "note.changed", "proposal.approved"]


async def test_an_end_between_approval_and_change_leaves_neither(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one transaction: what dies before its commit has done nothing, and it can be approved again."""
    proposal = (await desk.propose()).json()

    def die(place: str) -> None:
        if place == "transaction.before_commit":
            raise RuntimeError(place)

    with monkeypatch.context() as patched:
        patched.setattr(database_module, "failpoint", die)
        assert (await desk.approve(proposal)).status_code == 500
    assert (await desk.state(proposal), await desk.note(), await desk.events()) == ("pending", ("old", 1), 0)
    assert await desk.trail() == [("proposal.made", MAKER, None)]

    assert (await desk.approve(proposal)).status_code == 200
    assert (await desk.note(), await desk.events()) == (("new", 2), 1)


async def test_the_database_itself_holds_two_persons_and_what_was_proposed(
    desk: Desk, postgres_server: EmbeddedPostgres
) -> None:
    waits, made = (await desk.propose()).json(), (await desk.propose(note=2)).json()
    await desk.approve(made)
    owner = await asyncpg.connect(postgres_server.url("sample_owner", "sample"))
    worker = await asyncpg.connect(postgres_server.url("sample_worker", "sample"))
    try:
        for someone in (desk.database.pool, worker, owner):
            for forbidden in (
                "UPDATE proposal SET payload = '{}'",
                "UPDATE proposal SET maker = 'x'",
                "UPDATE proposal SET expires_at = 'infinity'",
                f"UPDATE proposal SET state = 'pending' WHERE id = '{made['id']}'",
                "DELETE FROM proposal",
                "TRUNCATE proposal",
            ):
                with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
                    await someone.execute(forbidden)
            with pytest.raises(asyncpg.CheckViolationError, match="two_persons"):
                await someone.execute(
                    f"UPDATE proposal SET state = 'approved', decided_by = ' M0417 ' WHERE id = '{waits['id']}'"
                )
    finally:
        await owner.close()
        await worker.close()


async def test_where_one_person_is_enough_the_change_is_made_at_once(open_desk: Open) -> None:
    alone: Desk = await open_desk(maker_checker="off")

    answer = await alone.propose()

    assert (answer.status_code, answer.json()) == (200, {"text": "new", "version": 2})
    assert await alone.trail() == [("note.changed", MAKER, None)]


async def test_proposals_are_listed_by_state_kind_and_maker_page_by_page(desk: Desk) -> None:
    made = [(await desk.propose(subject=f"m{note}", note=note)).json()["id"] for note in (1, 2)]
    newest = (await desk.send("GET", f"{desk.path}?limit=1&state=pending", "approver", CHECKER)).json()
    rest = f"{desk.path}?limit=1&state=pending&cursor={newest['next_cursor']}"
    assert [p["id"] for p in newest["items"]] == made[1:]
    assert [p["id"] for p in (await desk.send("GET", rest, "approver", CHECKER)).json()["items"]] == made[:1]
    for query, found in (
        ("maker=m1", made[:1]),
        ("kind=note.change", made[::-1]),
        ("state=approved", []),
        ("sort=oldest", made),
    ):
        answer = await desk.send("GET", f"{desk.path}?{query}", "auditor", "a1")
        assert [p["id"] for p in answer.json()["items"]] == found
    assert code(await desk.send("GET", desk.path, "call_centre", "t1")) == (403, "forbidden")


def test_the_document_says_that_a_change_may_wait(
    service: Service, sample_settings: Callable[..., ServiceSettings]
) -> None:
    document = create_app(service, sample_settings()).openapi()
    responses = document["paths"]["/v1/notes/{note_id}"]["put"]["responses"]
    content = responses["202"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Proposal"}
    assert content["example"]["state"] == "pending"
    assert "proposal_pending" in responses["409"]["x-codes"]


def test_a_service_that_names_other_changes_than_it_makes_does_not_start(
    service: Service, sample_settings: Callable[..., ServiceSettings]
) -> None:
    other = replace(CHANGE, kind="note.burn")
    for approvals in (None, Approvals("campaigns:approve", (CHANGE, other))):
        with pytest.raises(Undeclared):
            create_app(replace(service, approvals=approvals), sample_settings())
