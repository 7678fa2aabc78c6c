"""A partner who delivers postings, as its developers would write it: the document, the ledger, and no more."""

import re
import uuid
from typing import Any

import httpx
import pytest

from attune_client import Attune, BadRequest, Forbidden, Invalid, Problem, Unauthenticated, schemas

pytestmark = pytest.mark.timeout(300)
ROWS = range(260, 270)


async def test_the_document_tells_all_that_a_client_needs(living_bank: Any) -> None:
    async with httpx.AsyncClient(base_url=living_bank.url) as anybody:
        document = (await anybody.get("/openapi.json")).json()
    operation = document["paths"]["/v1/ledger/postings"]["post"]
    assert operation["x-scope"] == "ledger:write"
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert schemas.PostingsIn.model_validate(example).postings
    assert {"400", "401", "403", "409", "422", "503"} <= set(operation["responses"])


async def test_postings_go_in_once_however_often_they_are_sent(living_bank: Any) -> None:
    batch = schemas.PostingsIn(source="demo", postings=[living_bank.posting(row, "PARTNER") for row in ROWS])
    key = uuid.uuid4().hex
    async with living_bank.as_("partner") as partner:
        first = await partner.ledger.post(batch, idempotency_key=key)
        repeated = await partner.ledger.post(batch, idempotency_key=key)
        anew = await partner.ledger.post(batch)
    assert (first.accepted, first.duplicates) == (len(ROWS), 0)
    assert repeated == first
    assert (anew.accepted, anew.duplicates) == (0, len(ROWS))
    await living_bank.settle()
    async with living_bank.as_("operator") as bank:
        opened = [o.event_key async for o in bank.opportunities.iterate(limit=200) if o.event_key.startswith("PARTNER")]
    assert len(opened) == len(set(opened))


async def test_what_is_wrong_is_said_by_place_and_not_repeated(living_bank: Any) -> None:
    good = living_bank.posting(ROWS[0], "WRONG")
    async with living_bank.as_("partner") as partner:
        for change, code in (
            ({"amount": "12.345"}, "posting_refused"),
            ({"currency": "yuan-ish"}, "invalid"),
            ({"direction": "sideways"}, "invalid"),
        ):
            wrong = good.model_copy(update=change)
            with pytest.raises(Invalid) as refused:
                await partner.ledger.post(schemas.PostingsIn(source="demo", postings=[wrong]))
            assert refused.value.code == code
            assert not re.search("12.345|yuan-ish|sideways", f"{refused.value} {refused.value.extras}")
        with pytest.raises(BadRequest, match="idempotency_key_missing"):
            await partner.ledger.post(schemas.PostingsIn(source="demo", postings=[good]), idempotency_key="short")


async def test_a_partner_may_do_nothing_else(living_bank: Any) -> None:
    customer = living_bank.customer(ROWS[0])
    async with living_bank.as_("partner") as partner:
        for call in (
            partner.customers.view(customer),
            partner.customers.find(source_id="C00000001"),
            partner.decisions.next_best_actions(customer, channel="counter"),
            partner.opportunities.list(),
            partner.tasks.list(),
            partner.consents.get(customer),
            partner.campaigns.results("large-deposit"),
            partner.job("eventing", uuid.uuid4()),
        ):
            with pytest.raises(Forbidden) as refused:
                await call
            assert refused.value.extras["needs"]


async def test_no_token_no_answer(living_bank: Any) -> None:
    batch = schemas.PostingsIn(source="demo", postings=[living_bank.posting(ROWS[0], "NOBODY")])
    for token in ("nonsense", living_bank.token("partner")[:-4] + "AAAA"):
        async with Attune(living_bank.url, token) as nobody:
            with pytest.raises(Unauthenticated):
                await nobody.ledger.post(batch)
    async with living_bank.as_("partner") as partner:
        with pytest.raises(Problem, match="404 not_found"):
            await partner.request("GET", "/v1/nothing-here")
