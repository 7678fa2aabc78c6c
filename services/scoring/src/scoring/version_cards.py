"""The page of a version's card: as its training has left it, else made of what the registry knows."""

import orjson

from attune_service_kit.database import Transaction
from scoring import registry
from scoring.cards.page import Facts, page
from scoring.registry import UnknownVersion
from scoring.spec import About

_CARD = """
SELECT v.card_html, v.sha256, v.metrics::text, v.card::text, v.snapshot::text, m.*
FROM model_version v JOIN model m ON m.name = v.model WHERE v.model = $1 AND v.version = $2"""


async def of(tx: Transaction, name: str, version: int) -> str:
    """Return the page; raises UnknownVersion."""
    row = await tx.conn.fetchrow(_CARD, name, version)
    if row is None:
        raise UnknownVersion("there is no such version of this model", "该模型没有此版本")
    if row["card_html"] is not None:
        return str(row["card_html"])
    about = About(
        row["name"], row["purpose"], row["target"], row["owner"], row["risk_class"], row["population"],
        registry.output_of(row),
    )  # fmt: skip
    metrics, card, snapshot = (orjson.loads(row[column]) for column in ("metrics", "card", "snapshot"))
    return page(Facts(about, row["sha256"], metrics, card, snapshot))
