"""What a teller sees on opening a customer, and the live deposit that makes it happen."""

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from attune.client import Client
from attune.home import Home
from attune.output import Failure
from attune_contracts.identifiers import customer_id

CANDIDATES = 40
# A deposit that is larger than anybody's average in the demo bank's first three quarters.
LIVE_AMOUNT = "980000.00"


def live_deposits(
    home: Home, source: str, candidates: list[tuple[str, str]], day: date
) -> Iterator[tuple[dict[str, Any], float]]:
    """Post one large deposit after the other; yield those that opened an opportunity that may be acted on.

    `candidates`: (the bank's customer number, account number). Yields the opportunity and the seconds from the request
    until it was visible. Failure when no candidate is left.
    """
    with Client(home) as operator:
        for number, (cif, account) in enumerate(candidates[:CANDIDATES]):
            posting = {
                "posting_id": f"LIVE{day:%Y%m%d}{number:04d}",
                "account_id": account,
                "business_date": day.isoformat(),
                "booked_at": f"{day.isoformat()}T10:{number:02d}:00+08:00",
                "direction": "credit",
                "amount": LIVE_AMOUNT,
                "currency": "CNY",
                "kind": "transfer_in",
                "channel": "mobile",
            }
            start = time.monotonic()
            operator.post("/v1/ledger/postings", {"source": source, "postings": [posting]})
            opened = _wait_opportunity(operator, str(customer_id(source, cif)), posting["posting_id"])
            if opened and opened["state"] == "open":
                yield opened, time.monotonic() - start
    raise Failure(f"{len(candidates[:CANDIDATES])} large deposits brought no fitting opportunity: see `attune status`")


def _wait_opportunity(operator: Client, customer: str, posting_id: str) -> dict[str, Any] | None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for opportunity in operator.get("/v1/opportunities", customer_id=customer)["items"]:
            if opportunity["event_key"] == posting_id:
                return dict(opportunity)
        time.sleep(0.02)
    return None


def teller_view(profile: dict[str, Any], answer: dict[str, Any]) -> Panel:
    """Show the customer and the next best actions as the counter's screen would."""
    kind = answer["customer_type"] or {}
    head = Text.assemble(
        (profile["name"] or profile["source_id"], "bold"),
        f"  {profile['source_id']}   象限 {kind.get('value_quadrant') or '-'}   ",
        f"风险等级 {kind.get('risk_rating') or '-'}   ",
        f"账户 {len(profile['accounts'])}   网点 {(profile.get('branch') or {}).get('name') or '-'}",
    )
    actions = Table(expand=True)
    for title in ("#", "产品", "价值", "理由", "话术"):
        # Chinese has no spaces to break a line at: fold it, or it is cut.
        actions.add_column(title, overflow="fold")
    for action in answer["actions"]:
        reasons = "\n".join(r["text"]["zh"] for r in action["reasons"])
        value = f"{action['value']['amount']} {action['value']['currency']}" if action.get("value") else "-"
        text = action["script"]["text"] if action.get("script") else "-"
        actions.add_row(
            str(action["rank"]), action["name"]["zh"], value, reasons, text["zh"] if isinstance(text, dict) else text
        )
    withheld = [f"{w['offer']}: {w['text'].get('zh') or w['text'].get('en')}" for w in answer.get("withheld", [])]
    below = Text("不推荐 " + "; ".join(withheld), style="dim") if withheld else Text("")
    return Panel(
        Group(head, actions, below), title="What the teller sees", subtitle=f"decision {answer['decision_id']}"
    )
