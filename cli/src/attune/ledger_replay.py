"""Replay: the lake's postings of some days go through the stream again, in business time (X4)."""

from datetime import date
from typing import Any

from attune.client import Client
from attune.commands.triggers import set_trigger
from attune.home import Home
from attune.output import console
from attune.progress import job_progress

# Whoever follows a detection: asked in the order of the flow.
FLOW = ("eventing", "scoring", "campaign")


def run_replay(
    home: Home,
    first: date,
    last: date,
    *,
    speed: str | float = "max",
    cooldown_days: int | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Replay [first, last] and wait until every service has followed; return the counts that stand."""
    body = {"from": first.isoformat(), "to": last.isoformat(), "speed": speed}
    with Client(home) as client, job_progress(console, quiet=quiet) as progress:
        if cooldown_days is not None:
            set_trigger(client, "large-deposit", cooldown_days=cooldown_days)
        result = client.run_job("eventing", "/v1/ledger/replays", body, progress(f"replay {first} to {last}"))
        client.settle(*FLOW)
        return result | {"opportunities": standing_opportunities(client, first, last)}


def standing_opportunities(client: Client, first: date, last: date) -> int:
    """Return how many opportunities stand whose business day lies in [first, last]; withdrawn ones do not stand."""
    counts = client.ask(lambda attune: attune.opportunities.count(from_=first, to=last, standing=True))
    return counts.total
