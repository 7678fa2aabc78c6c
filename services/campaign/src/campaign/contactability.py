"""May we contact this customer, channel by channel; if not, why, and from when? A look: it reserves nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from attune_contracts.campaign import MessageClass
from attune_contracts.consent import too_young
from attune_service_kit.auth import Caller
from attune_service_kit.errors import NotFound
from attune_service_kit.reads import Queryable
from campaign import consents, contact_history
from campaign.contact_policy import Channel, ContactPolicy, Level, direction, free_from, refusal
from campaign.visibility import parameters, visible

CHANNELS: tuple[Channel, ...] = get_args(Channel)

_KNOWN = f"SELECT p.birth_date FROM proj_party p WHERE {visible('p', 1)} AND p.customer_id = $4"  # noqa: S608 - ours


@dataclass(frozen=True)
class Answer:
    """One channel's answer. `level` is that of the rule that refuses; `free_from` None = cannot be foreseen."""

    channel: str
    allowed: bool
    reason: str | None
    level: Level | None
    free_from: datetime | None


async def of(
    conn: Queryable,
    policy: ContactPolicy,
    caller: Caller,
    customer_id: UUID,
    *,
    message_class: MessageClass,
    product_kind: str | None,
    now: datetime,
    zone: str,
) -> list[Answer]:
    """Every channel's answer; NotFound for a customer outside the caller's scope."""
    known = await conn.fetchrow(_KNOWN, *parameters(caller.scope), customer_id)
    if known is None:
        raise NotFound("there is no such customer", "客户不存在")
    if message_class is not MessageClass.MARKETING:
        return [Answer(channel, True, None, None, now) for channel in CHANNELS]
    if too_young(known["birth_date"], now.astimezone(ZoneInfo(zone)).date()):
        return [Answer(channel, False, consents.NO_CONSENT, None, None) for channel in CHANNELS]
    past, suppressions = await contact_history.of(conn, customer_id, now)
    answers = []
    for channel in CHANNELS:
        if direction(channel) == "inbound":
            answers.append(Answer(channel, True, None, None, now))
        elif not await consents.permits(conn, customer_id, channel, [product_kind]):
            answers.append(Answer(channel, False, consents.NO_CONSENT, None, None))
        else:
            found = refusal(policy, past, channel, now, zone, suppressions)
            free = free_from(policy, past, channel, now, zone, suppressions)
            if found is None:
                answers.append(Answer(channel, True, None, None, free))
            else:
                answers.append(Answer(channel, False, found.reason, found.level, free))
    return answers
