"""The view's sections about the bank and the customer. `$6` is today, `$7` the beginning of the timeline."""

from customer_360 import particulars
from customer_360.risk_rules import MONTHS
from customer_360.timeline_kinds import BEHAVIOUR, FOR_CUSTOMERS

LATEST = 10
"""How many entries of the timeline the view carries."""

_OWN = "$2 = 'customer'"
_FOR_CUSTOMERS = ", ".join(f"'{kind}'" for kind in FOR_CUSTOMERS)
_BEHAVIOUR = ", ".join(f"'{kind}'" for kind in BEHAVIOUR)

# What `tags` shows to whom, and `timeline`: said there, held together by a test.
_TAGS = f"""
(SELECT coalesce(json_agg(json_build_object(
    'tag', t.tag, 'name', json_build_object('zh', d.name_zh, 'en', d.name_en), 'value', t.value, 'source', t.source,
    'expires_on', t.expires_on) ORDER BY t.tag, t.source), '[]')
FROM tag t JOIN tag_definition d USING (tag)
WHERE t.customer_id = ANY (m.ids) AND t.expires_on >= $6::date
  AND CASE WHEN {_OWN} THEN d.customer_visible ELSE p.personalisation OR NOT d.personal END)"""  # noqa: S608
# Twelve months, or less where the rating says so.
_HOLDS = f"least(p.risk_valid_until, (p.risk_rated_on + interval '{MONTHS} months')::date)"
_TIMELINE = f"""
(SELECT coalesce(json_agg(json_build_object(
    'at', to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'kind', e.kind, 'what', e.what,
    'key', e.key, 'detail', e.detail) ORDER BY e.at DESC, e.kind DESC, e.key DESC), '[]')
FROM (
    SELECT * FROM timeline_entry
    WHERE customer_id = ANY (m.ids) AND at >= $7::timestamptz AND (NOT {_OWN} OR kind IN ({_FOR_CUSTOMERS}))
      AND (p.personalisation OR kind NOT IN ({_BEHAVIOUR}))
    ORDER BY at DESC, kind DESC, key DESC LIMIT {LATEST}
) e)"""  # noqa: S608

_RISK = f"""
json_build_object('rating', p.risk_rating, 'rated_on', p.risk_rated_on, 'valid_until', {_HOLDS},
    'valid', coalesce({_HOLDS} >= $6::date, false), 'assessments', (
        SELECT count(*) FROM risk_assessment a
        WHERE a.customer_id = ANY (m.ids) AND a.rated_on > ($6::date - interval '{MONTHS} months')::date))"""  # noqa: S608

# $8 has the moment from which on each field is fresh. What is sealed is not shown here.
_DETAILS = f"""
(SELECT coalesce(json_agg(json_build_object(
    'field', f.field, 'value', f.value, 'source', f.source,
    'updated_at', to_char(f.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'freshness', CASE WHEN f.updated_at >= ($8::jsonb ->> f.field)::timestamptz THEN 'fresh' ELSE 'stale' END)
    ORDER BY f.field), '[]')
FROM (SELECT DISTINCT ON (field) * FROM {particulars.of("m.ids")} p ORDER BY field, updated_at DESC) f)"""  # noqa: S608

RELATIONS: dict[str, str] = {"risk": _RISK, "tags": _TAGS, "details": _DETAILS, "timeline": _TIMELINE}
