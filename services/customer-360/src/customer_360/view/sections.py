"""The sections of the view: field of the answer → the SQL expression that makes it.

`p` is the party that answers; `m.ids` are all the ids that answer as it: its own and those merged into it. What belongs
to a customer is looked up by `= ANY (m.ids)`. `$2` to `$4` are the caller's scope, `$5` is the base currency.
"""

from customer_360.view.relations import RELATIONS

_BRANCH = """
CASE WHEN p.branch_id IS NOT NULL THEN json_build_object('branch_id', p.branch_id, 'name',
    branch_name(p.branch_id)) END"""
_MANAGER = """
CASE WHEN p.manager_id IS NOT NULL THEN json_build_object('employee_id', p.manager_id, 'name',
    employee_name(p.manager_id)) END"""
_ACCOUNTS = """
(SELECT coalesce(json_agg(json_build_object(
    'account_id', a.account_id, 'source_id', a.source_id, 'kind', a.kind, 'currency', a.currency,
    'branch_id', a.branch_id, 'opened_on', a.opened_on, 'closed_on', a.closed_on)
    ORDER BY a.opened_on, a.source_id), '[]')
FROM account a WHERE a.customer_id = ANY (m.ids))"""
# `money` writes decimal strings.
_HOLDINGS = """
(SELECT coalesce(json_agg(json_build_object(
    'holding_id', h.holding_id,
    'product', json_build_object('product_id', h.product_id, 'name',
        json_build_object('zh', d.name_zh, 'en', d.name_en), 'kind', d.kind, 'risk_level', d.risk_level),
    'account_id', h.account_id, 'opened_on', h.opened_on, 'matures_on', h.matures_on,
    'value', money(h.amount_minor, coalesce(c.currency, $5::text)))
    ORDER BY h.opened_on, h.holding_id), '[]')
FROM holding h JOIN product d USING (product_id) LEFT JOIN account c ON c.account_id = h.account_id
WHERE h.customer_id = ANY (m.ids))"""
_CONSENTS = """
(SELECT coalesce(json_agg(json_build_object(
    'purpose', n.purpose, 'channel', nullif(n.channel, '*'), 'product_kind', nullif(n.product_kind, '*'),
    'granted', n.granted, 'basis', n.basis, 'evidence', n.evidence, 'notice_version', n.notice_version,
    'since', n.since)
    ORDER BY n.purpose, n.channel, n.product_kind), '[]')
FROM (SELECT DISTINCT ON (purpose, channel, product_kind) * FROM consent WHERE customer_id = ANY (m.ids)
      ORDER BY purpose, channel, product_kind, basis = 'default', since DESC, granted) n)"""

_ORGANISATION = """
CASE WHEN p.party_kind = 'organisation' THEN
    json_build_object('legal_form', p.legal_form, 'industry', p.industry) END"""
_PROSPECT = """
CASE WHEN p.party_kind = 'prospect' THEN
    json_build_object('source', p.prospect_source, 'legal_basis', p.legal_basis) END"""

SECTIONS: dict[str, str] = {
    "customer_id": "p.customer_id",
    "source": "p.source",
    "source_id": "p.source_id",
    "version": "p.version",
    "party_kind": "p.party_kind",
    "birth_date": "p.birth_date",
    "gender": "p.gender",
    "opened_on": "p.opened_on",
    "risk_rating": "p.risk_rating",
    "risk_rated_on": "p.risk_rated_on",
    "personalisation": "p.personalisation",
    "organisation": _ORGANISATION,
    "prospect": _PROSPECT,
    "branch": _BRANCH,
    "manager": _MANAGER,
    "accounts": _ACCOUNTS,
    "holdings": _HOLDINGS,
    "consents": _CONSENTS,
    **RELATIONS,
}
