"""Why a manager should call a customer (M-74): the reasons, the most pressing one first, as SQL over a `book`."""

from typing import Literal, get_args

from customer_360.particulars import unsaid

Reason = Literal[
    "open_opportunity",
    "maturing_holding",
    "risk_rating_expiring",
    "birthday",
    "silence",
    "stale_contact_data",
]  # fmt: skip
REASONS: tuple[Reason, ...] = get_args(Reason)

MATURES_WITHIN = 30
RATING_ENDS_WITHIN = 30
BIRTHDAY_WITHIN = 7
SILENT_FOR = 90
"""All in days."""

_RANK = {reason: rank for rank, reason in enumerate(REASONS, 1)}
NO_REASON = len(REASONS) + 1
# Not the last day of all: the driver takes that for infinity.
NO_DAY = "DATE '9999-01-01'"

# `book` has the customers, `ids` every id that answers as one of them. $5 is today, $6 now, $7 the bank's zone, $8 and
# $9 the moments from which on a phone and an address are fresh. A day is when the reason ends, or NULL.
FOUND = f"""
SELECT i.customer_id, {_RANK["open_opportunity"]} AS rank, (min(o.expires_at) AT TIME ZONE $7::text)::date AS due
FROM ids i JOIN open_opportunity o ON o.customer_id = i.id AND o.expires_at > $6::timestamptz GROUP BY 1
UNION ALL
SELECT i.customer_id, {_RANK["maturing_holding"]}, min(h.matures_on)
FROM ids i JOIN holding h ON h.customer_id = i.id AND h.matures_on BETWEEN $5::date AND $5::date + {MATURES_WITHIN}
GROUP BY 1
UNION ALL
SELECT customer_id, {_RANK["risk_rating_expiring"]}, ends FROM (
    SELECT customer_id, least(risk_valid_until, (risk_rated_on + interval '12 months')::date) AS ends FROM book) r
WHERE ends <= $5::date + {RATING_ENDS_WITHIN}
UNION ALL
SELECT customer_id, {_RANK["birthday"]}, next FROM (
    SELECT customer_id, (birth_date + make_interval(
        years => extract(year FROM age($5::date - 1, birth_date))::integer + 1))::date AS next
    FROM book WHERE birth_date < $5::date AND party_kind <> 'organisation') b
WHERE next <= $5::date + {BIRTHDAY_WITHIN}
UNION ALL
SELECT b.customer_id, {_RANK["silence"]}, NULL FROM book b
WHERE coalesce((SELECT max(l.at) FROM ids i JOIN last_contact l ON l.customer_id = i.id
                WHERE i.customer_id = b.customer_id), b.opened_on::timestamptz, '-infinity')
      < $6::timestamptz - interval '{SILENT_FOR} days'
UNION ALL
SELECT b.customer_id, {_RANK["stale_contact_data"]}, NULL FROM book b
WHERE NOT EXISTS (SELECT FROM ids i JOIN profile_field f ON f.customer_id = i.id
                  WHERE i.customer_id = b.customer_id AND f.field = 'phone' AND f.updated_at >= $8::timestamptz)
  AND NOT EXISTS (SELECT FROM ids i JOIN party_identity t ON t.customer_id = i.id
                  WHERE i.customer_id = b.customer_id AND t.phone IS NOT NULL AND t.told_at >= $8::timestamptz
                    AND {unsaid("t", "'phone'")})
   OR EXISTS (SELECT FROM profile_field f
              WHERE f.customer_id = b.customer_id AND f.field = 'address' AND f.updated_at < $9::timestamptz)
   OR EXISTS (SELECT FROM party_identity t
              WHERE t.customer_id = b.customer_id AND t.address IS NOT NULL AND t.told_at < $9::timestamptz
                AND {unsaid("t", "'address'")})
"""  # noqa: S608 - numbers of this module
CODES = "ARRAY[" + ", ".join(f"'{reason}'" for reason in REASONS) + "]"
