"""Next best actions: one read, one pure decision, one committed record, one answer (X16, X17)."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson

from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.errors import NotFound
from attune_service_kit.reads import Queryable
from attune_service_kit.runtime import Runtime
from campaign import contact_history, fresh_scores, plans
from campaign.consents import given
from campaign.contact_history import LONGEST_LOOK
from campaign.contact_policy import direction
from campaign.decide import decide
from campaign.decision_facts import DecisionFacts, LiveOpportunity, PartyFacts, ProfileFacts, StoredScore
from campaign.decision_log import DecisionLog, Record
from campaign.offer_index import Catalogue
from campaign.sql import one

# The customer, the caller's scope, the business date, as far back as contacts count, business time, and whether the
# bank comes to the customer. It answers as the owner, within the scope it is given.
_FACTS = "SELECT * FROM decision_inputs($1, $2, $3, $4, $5, $6, $7, $8, $9)"


@dataclass(frozen=True)
class Question:
    """What is asked: actions for one customer, on one channel, at most so many."""

    customer_id: UUID
    channel: str
    limit: int
    fresh: bool = False
    """Ask scoring for scores of this moment; the stored ones where it does not answer at once."""


@dataclass(frozen=True)
class Asked:
    """A question with everything known about it: ready for deciding."""

    facts: DecisionFacts
    decision_id: UUID
    customer_id: UUID
    catalogue: Catalogue
    branch_id: str | None
    policy_json: bytes


async def next_best_actions(runtime: Runtime, caller: Caller, question: Question) -> bytes:
    """Decide for one customer; the answer's JSON. Reserves nothing (X16).

    A customer outside the caller's scope is answered like an unknown one: the generic list. A mobile token of another
    customer is refused.
    """
    log = DecisionLog.of(runtime.database)
    with log.coming():
        asked = await ask(runtime, caller, question)
        result = decide(asked.facts, asked.catalogue)
    await log.write(_record(asked, result, caller))
    return result


async def ask(runtime: Runtime, caller: Caller, question: Question) -> Asked:
    """Read what a decision is made from, in one statement; nothing is written."""
    if caller.customer is not None and caller.customer != question.customer_id:
        raise NotFound("there is no such customer", "客户不存在")
    as_of, today = runtime.clock.now().astimezone(UTC), runtime.clock.business_date()
    scope, outbound = caller.scope, direction(question.channel) == "outbound"
    seen = scope.kind, scope.branch, scope.customer, scope.subject
    pool = runtime.database.pool
    row = await one(pool, _FACTS, question.customer_id, *seen, today, as_of - LONGEST_LOOK, as_of, outbound)
    versions = row["catalogue_version"], row["policy_version"], row["holdout_version"]
    plan = await plans.current(runtime.database, pool, versions)
    decision_id = new_id()
    facts = _facts(row, plan, question, str(decision_id), as_of, today, runtime.settings.zone)
    if caller.customer is not None:
        facts = replace(facts, audience="customer")
    if question.fresh and facts.personalised:
        scores = await fresh_scores.ask(runtime.asker, facts.customer_id, facts.opportunities)
        facts = facts if scores is None else replace(facts, scores=scores, score_source="fresh")
    return Asked(facts, decision_id, question.customer_id, plan.catalogue, row["branch_id"], plan.policy_json)


@dataclass(frozen=True)
class Stored:
    """A decision as it was made: its facts, the catalogue of that time, the answer."""

    facts: DecisionFacts
    catalogue: Catalogue
    result: bytes

    def again(self) -> bytes:
        """What `decide` says of the stored facts: the same bytes, or something is wrong."""
        return decide(self.facts, self.catalogue)


async def stored(conn: Queryable, decision_id: UUID) -> Stored:
    """A stored decision; NotFound."""
    row = await conn.fetchrow("SELECT inputs, result, catalogue_version FROM decision WHERE id = $1", decision_id)
    if row is None:
        raise NotFound("there is no such decision", "决策不存在")
    facts = DecisionFacts.from_json(row["inputs"])
    return Stored(facts, await plans.catalogue_of(conn, row["catalogue_version"]), row["result"])


def _facts(
    row: Any, plan: plans.Plans, question: Question, decision_id: str, as_of: datetime, today: date, zone: str
) -> DecisionFacts:
    known = row["held"] is not None
    personalised = bool(row["personalised"])
    # Whether known to this caller or not: a held-out customer is offered nothing anywhere (X11).
    held_out_by = plans.UNIVERSAL if plan.held_out_everywhere(question.customer_id, today) else row["control_of"]
    return DecisionFacts(
        decision_id=decision_id,
        customer_id=str(question.customer_id),
        channel=question.channel,
        limit=question.limit,
        as_of=as_of,
        today=today,
        zone=zone,
        catalogue_version=plan.versions[0],
        policy_version=plan.versions[1],
        policy=plan.policy,
        party=PartyFacts(
            row["birth_date"], row["risk_rating"], row["risk_rated_on"], tuple(row["held"]), row["risk_valid_until"]
        )
        if known
        else None,
        personalised=personalised,
        consents=given(_json(row["marketing"])),
        held_out=held_out_by is not None,
        profile=ProfileFacts(row["profile_as_of"], row["demand_balance_minor"], row["value_quadrant"], row["lifecycle"])
        if row["profile_as_of"] is not None
        else None,
        scores=tuple((model, StoredScore(*score)) for model, *score in _json(row["scores"])),
        opportunities=tuple(
            LiveOpportunity(id_, trigger, date.fromisoformat(day), amount, event_key)
            for id_, trigger, day, amount, event_key in _json(row["opportunities"])
        ),
        contacts=contact_history.contacts(row["contacts"]),
        suppressions=contact_history.suppressions(row["suppressions"]),
        held_out_by=held_out_by,
    )


def _record(asked: Asked, result: bytes, caller: Caller) -> Record:
    facts = asked.facts
    return Record(
        id=asked.decision_id,
        customer_id=asked.customer_id,
        branch_id=asked.branch_id,
        channel=facts.channel,
        caller=caller.subject,
        as_of=facts.as_of,
        catalogue_version=facts.catalogue_version,
        policy_version=facts.policy_version,
        personalised=facts.personalised,
        inputs=facts.to_json(asked.policy_json),
        result=result,
        sha256=hashlib.sha256(result).hexdigest(),
    )


def _json(text: str | None) -> list[Any]:
    return [] if text is None else list(orjson.loads(text))
