"""A teller's screen, as its developers would write it: the published API and its client, nothing else.

Find the customer by the bank's number, see who it is, what to propose, show it, record the answer; a customer of
another branch is answered as an unknown one.
"""

import uuid
from typing import Any

import pytest

from attune_client import Attune, Conflict, Forbidden, Invalid, NotFound, schemas

pytestmark = pytest.mark.timeout(300)
ROWS = range(200, 240)


async def test_a_deposit_leads_from_the_ledger_to_an_answer_at_the_counter(living_bank: Any) -> None:
    posted = [living_bank.posting(row, "TELLER") for row in ROWS]
    async with living_bank.as_("operator") as bank:
        taken = await bank.ledger.post(schemas.PostingsIn(source="demo", postings=posted))
        assert taken.accepted == len(posted)
        await living_bank.settle()
        keys = {posting.posting_id for posting in posted}
        opened = [o async for o in bank.opportunities.iterate(state="open", limit=50) if o.event_key in keys]
    served = 0
    for opportunity in opened:
        async with living_bank.as_("teller", opportunity.branch_id) as teller:
            served += await serve(teller, opportunity, living_bank)
        if served == 2:
            return
    pytest.fail(f"{served} of {len(opened)} customers had an offer that could be accepted")


async def serve(teller: Attune, opportunity: schemas.OpportunityView, living_bank: Any) -> int:
    """One customer at the counter; 1 if an offer of the opportunity was accepted, 0 if there was none to show."""
    number = str(living_bank.files.truth().cif[int(opportunity.event_key.removeprefix("TELLER-"))])
    [found] = (await teller.customers.find(source_id=number)).items
    assert found.customer_id == opportunity.customer_id
    profile = await teller.customers.view(found.customer_id)
    assert profile.source_id == number
    assert profile.accounts

    answer = await teller.decisions.next_best_actions(found.customer_id, channel="counter")
    proposed = [action for action in answer.actions if action.opportunity_id == opportunity.id]
    if not answer.personalised or not proposed:
        return 0  # no consent, or nothing suits this customer: the screen shows the generic list
    best = proposed[0]
    assert best.rank == 1
    assert best.script is not None
    assert best.script.text.zh
    assert "large_deposit" in {reason.code for reason in best.reasons}

    shown = await teller.decisions.present(answer.decision_id, schemas.Present(offers=[best.offer]))
    assert shown.offers == [best.offer]
    again = await teller.decisions.present(answer.decision_id, schemas.Present(offers=[best.offer]))
    assert again.contact_id == shown.contact_id  # showing twice is one contact

    said = schemas.NewResponse(decision_id=answer.decision_id, offer=best.offer, outcome="accepted")
    key = uuid.uuid4().hex
    first = await teller.decisions.responses_record(said, idempotency_key=key)
    second = await teller.decisions.responses_record(said, idempotency_key=key)
    assert first == second
    other = said.model_copy(update={"outcome": "refused"})
    with pytest.raises(Invalid, match="idempotency_key_reused"):
        await teller.decisions.responses_record(other, idempotency_key=key)

    # Accepted is acted on: the opportunity is no longer open, and the decision can be read again as it was given.
    assert (await teller.opportunities.get(opportunity.id)).state == "acted"
    stored = await teller.decisions.get(answer.decision_id)
    assert (stored.replayed, stored.inputs) == (True, None)
    assert stored.result == answer
    return 1


async def test_a_foreign_customer_is_as_unknown_as_none(living_bank: Any) -> None:
    foreign = living_bank.customer(ROWS[0])
    async with living_bank.as_("head_office") as office:
        home = (await office.customers.view(foreign)).branch
        branches = [branch async for branch in office.branches.iterate()]
    assert home is not None
    above = {branch.parent_id for branch in branches}
    elsewhere = next(b.branch_id for b in branches if b.branch_id not in above | {home.branch_id})
    async with living_bank.as_("teller", elsewhere) as teller:
        found = await teller.customers.find(source_id=str(living_bank.files.truth().cif[ROWS[0]]))
        assert found.items == []
        said = []
        for customer in (foreign, uuid.uuid4()):
            with pytest.raises(NotFound) as view:
                await teller.customers.view(customer)
            # Whom the teller may not know gets what anybody gets: the generic list, and nothing that tells them apart.
            answer = await teller.decisions.next_best_actions(customer, channel="counter")
            assert answer.personalised is False
            told = answer.model_dump(exclude={"decision_id", "as_of"})
            said.append((view.value.code, view.value.en, view.value.zh, told))
    assert said[0] == said[1]


async def test_a_teller_runs_nothing_of_the_banks(living_bank: Any) -> None:
    async with living_bank.as_("teller", "102001") as teller:
        with pytest.raises(Forbidden) as refused:
            await teller.clock.advance(schemas.ClockRequest(to=living_bank.posting(0, "X").booked_at))
        assert refused.value.extras["needs"] == "clock:write"
        with pytest.raises(Forbidden):
            await teller.campaigns.get("large-deposit")


async def test_a_task_is_taken_once(living_bank: Any) -> None:
    async with living_bank.as_("head_office") as office:
        tasks = [task async for task in office.tasks.iterate(state="open", limit=50) if task.branch_id]
    for task in tasks:
        async with (
            living_bank.as_("branch_manager", task.branch_id) as first,
            living_bank.as_("teller", task.branch_id) as second,
        ):
            try:
                claimed = await first.tasks.claim(task.id)
            except Conflict:
                continue  # this customer has been contacted often enough: another one then
            assert claimed.state == "claimed"
            with pytest.raises((Conflict, Forbidden)):
                await second.tasks.claim(task.id)
            return
    pytest.fail(f"none of {len(tasks)} open tasks could be taken")
