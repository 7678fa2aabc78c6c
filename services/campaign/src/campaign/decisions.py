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
from campaign.decide import decide
from campaign.decision_facts import DecisionFacts, LiveOpportunity, PartyFacts, ProfileFacts, StoredScore
from campaign.decision_log import DecisionLog, Record
from campaign.offer_index import Catalogue
from campaign.sql import one
from campaign.visibility import parameters, visible_here

# $1 customer, $2-$4 scope, $5 business date, $6 as far back as contacts count, $7 business time. A profile that may
# not be read is not.
_FACTS = f"""
WITH who AS (
    SELECT p.branch_id, p.birth_date, p.risk_rating, p.risk_rated_on, p.risk_valid_until,
           p.products || p.product_kinds AS held,
           c.marketing, (p.personalisation AND c.personalised_consent) IS TRUE AS personalised
    FROM proj_party p
    LEFT JOIN LATERAL (
        SELECT (json_agg(json_build_array(channel, product_kind, granted) ORDER BY channel, product_kind)
                   FILTER (WHERE purpose = 'marketing_contact'))::text AS marketing,
               bool_or(granted) FILTER (WHERE purpose = 'personalised_decision') AS personalised_consent
        FROM proj_consent WHERE customer_id = $1
    ) c ON true
    WHERE p.customer_id = $1 AND {visible_here("p", 2)}
)
SELECT w.*, f.as_of AS profile_as_of, f.demand_balance_minor, f.value_quadrant, f.lifecycle,
    CASE WHEN w.personalised THEN (
        SELECT json_agg(json_build_array(s.model, s.version, s.score) ORDER BY s.model)
        FROM proj_scores s WHERE s.customer_id = $1) END AS scores,
    CASE WHEN w.personalised THEN (
        SELECT json_agg(json_build_array(o.id, o.trigger, o.business_date, o.amount_minor, o.event_key) ORDER BY o.id)
        FROM opportunity o WHERE o.customer_id = $1 AND o.state IN ('open', 'escalated')) END AS opportunities,
    CASE WHEN w.held IS NOT NULL THEN control_of($1, $5) END AS control_of,
    CASE WHEN w.held IS NOT NULL THEN contact_history($1, $6) END AS contacts,
    CASE WHEN w.held IS NOT NULL THEN suppressions_of($1, $7) END AS suppressions,
    (SELECT max(version) FROM catalogue) AS catalogue_version,
    (SELECT max(version) FROM policy WHERE kind = 'contact') AS policy_version,
    (SELECT max(version) FROM policy WHERE kind = 'holdout') AS holdout_version
FROM (SELECT) one
LEFT JOIN who w ON true
LEFT JOIN LATERAL (
    SELECT as_of, demand_balance_minor, value_quadrant, lifecycle FROM proj_features
    WHERE customer_id = $1 AND w.personalised
) f ON true"""  # noqa: S608 - a condition of ours


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
    catalogue: Catalogue
    branch_id: str | None
    policy_json: bytes


async def next_best_actions(runtime: Runtime, caller: Caller, question: Question) -> bytes:
    """Decide for one customer; the answer's JSON. Reserves nothing (X16).

    A customer outside the caller's scope is answered like an unknown one: the generic list. A mobile token of another
    customer is refused.
    """
    asked = await ask(runtime, caller, question)
    result = decide(asked.facts, asked.catalogue)
    await DecisionLog.of(runtime.database).write(_record(asked, result, caller))
    return result


async def ask(runtime: Runtime, caller: Caller, question: Question) -> Asked:
    """Read what a decision is made from, in one statement; nothing is written."""
    if caller.customer is not None and caller.customer != question.customer_id:
        raise NotFound("there is no such customer", "客户不存在")
    as_of, today = runtime.clock.now().astimezone(UTC), runtime.clock.business_date()
    reads, seen = runtime.database.reads(caller.scope), parameters(caller.scope)
    row = await one(reads, _FACTS, question.customer_id, *seen, today, as_of - LONGEST_LOOK, as_of)
    versions = row["catalogue_version"], row["policy_version"], row["holdout_version"]
    plan = await plans.current(runtime.database, reads, versions)
    facts = _facts(row, plan, question, as_of, today, runtime.settings.zone)
    if caller.customer is not None:
        facts = replace(facts, audience="customer")
    if question.fresh and facts.personalised:
        scores = await fresh_scores.ask(runtime.asker, facts.customer_id, facts.opportunities)
        facts = facts if scores is None else replace(facts, scores=scores, score_source="fresh")
    return Asked(facts, plan.catalogue, row["branch_id"], plan.policy_json)


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


def _facts(row: Any, plan: plans.Plans, question: Question, as_of: datetime, today: date, zone: str) -> DecisionFacts:
    known = row["held"] is not None
    personalised = bool(row["personalised"])
    # Whether known to this caller or not: a held-out customer is offered nothing anywhere (X11).
    held_out_by = plans.UNIVERSAL if plan.held_out_everywhere(question.customer_id, today) else row["control_of"]
    return DecisionFacts(
        decision_id=str(new_id()),
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
        scores=tuple((model, StoredScore(version, score)) for model, version, score in _json(row["scores"])),
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
        id=UUID(facts.decision_id),
        customer_id=UUID(facts.customer_id),
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
