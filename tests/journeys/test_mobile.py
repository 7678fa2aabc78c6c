"""A customer's mobile bank, as its developers would write it: one's own offers and consent, nobody else's data."""

import asyncio
import uuid
from typing import Any

import pytest

from attune_client import Attune, Forbidden, NotFound, schemas

pytestmark = pytest.mark.timeout(300)
ME, OTHER = 250, 251


async def test_a_customer_sees_their_own_offers_and_takes_one(living_bank: Any) -> None:
    taken = 0
    for row in range(270, 290):
        me = living_bank.customer(row)
        async with living_bank.as_("mobile", customer=me) as app:
            assert (await app.customers.view(me)).customer_id == me
            answer = await app.decisions.next_best_actions(me, channel="mobile")
            assert [*answer.actions, *answer.service_actions] or answer.message
            for text in [*(a.name for a in answer.actions), *(r.text for a in answer.actions for r in a.reasons)]:
                assert text.zh
                assert text.en
            if answer.personalised and answer.actions:
                best = answer.actions[0].offer
                await app.decisions.present(answer.decision_id, schemas.Present(offers=[best]))
                said = schemas.NewResponse(decision_id=answer.decision_id, offer=best, outcome="accepted")
                assert (await app.decisions.responses_record(said)).outcome == "accepted"
                taken += 1
    assert taken


async def test_who_objects_gets_no_personal_offer_any_more(living_bank: Any) -> None:
    me = living_bank.customer(ME)
    async with living_bank.as_("mobile", customer=me) as app:
        after = await app.consents.opt_out(me, schemas.OptOut(personalisation=True))
        assert not any(c.granted for c in after.consents if c.purpose == "marketing_contact")
        assert (await app.consents.get(me)).version == after.version
        answer = await until_generic(app, me)
        assert answer.customer_type is None
        assert answer.models == []
        newest = (await app.consents.history(me, limit=1)).items[0]
        assert newest.granted is False


async def until_generic(app: Attune, me: uuid.UUID) -> schemas.NextBestActions:
    """What is said once campaign has heard of it: at most seconds later."""
    for _ in range(100):
        answer = await app.decisions.next_best_actions(me, channel="mobile")
        if not answer.personalised:
            return answer
        await asyncio.sleep(0.1)
    pytest.fail("the objection did not come through")


async def test_another_customer_is_as_unknown_as_none(living_bank: Any) -> None:
    me, other = living_bank.customer(ME), living_bank.customer(OTHER)
    async with living_bank.as_("mobile", customer=me) as app:
        for customer in (other, uuid.uuid4()):
            with pytest.raises(NotFound):
                await app.customers.view(customer)
            with pytest.raises(NotFound):
                await app.decisions.next_best_actions(customer, channel="mobile")
            with pytest.raises(NotFound):
                await app.consents.get(customer)
            with pytest.raises(NotFound):
                await app.consents.opt_out(customer, schemas.OptOut())
        assert (await app.customers.find(source_id=str(living_bank.files.truth().cif[OTHER]))).items == []
        with pytest.raises(Forbidden):
            await app.opportunities.list()
        with pytest.raises(Forbidden):
            await app.tasks.list()


async def test_nobody_is_told_which_arm_they_are_in(living_bank: Any) -> None:
    me = living_bank.customer(OTHER)
    async with living_bank.as_("mobile", customer=me) as app:
        answer = await app.decisions.next_best_actions(me, channel="mobile")
        stored = await app.decisions.get(answer.decision_id)
    text = answer.model_dump_json() + stored.model_dump_json()
    assert "held_out" not in text
    assert '"arm"' not in text
