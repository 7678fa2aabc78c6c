"""`attune replay`: the ledger of some days once more as a stream."""

from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.ledger_replay import run_replay
from attune.output import Failure, console, print_result
from attune.session import running


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("replay")(replay)


def replay(
    from_: Annotated[str, typer.Option("--from", metavar="DATE", help="First business day, YYYY-MM-DD.")],
    to: Annotated[str, typer.Option("--to", metavar="DATE", help="Last business day, YYYY-MM-DD.")],
    speed: Annotated[str, typer.Option(help="'max', or postings a second.")] = "max",
    cooldown_days: Annotated[
        int | None, typer.Option(min=0, max=3650, help="Set large-deposit's cool-down first (a new version).")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the lake's postings of some days through the stream once more, in business time."""
    first, last = day_of(from_, "--from"), day_of(to, "--to")
    if first > last:
        raise Failure(f"--from {first} lies after --to {last}")
    pace = _speed(speed)
    with running(Home.at(home)) as place:
        result = run_replay(place, first, last, speed=pace, cooldown_days=cooldown_days)
    if not as_json:
        console.print(replay_table(result))
    print_result(result, as_json, f"{result['postings']:,} postings, {result['opportunities']:,} opportunities")


def replay_table(result: dict[str, Any]) -> Table:
    """Show what a replay found."""
    table = Table(title="Detected")
    for title in ("trigger", "detections", "subjects", "first", "amount", "compared with"):
        # Where a terminal is narrow, the first one's account gives way, and no name or figure does.
        table.add_column(title, overflow="fold", no_wrap=title != "first")
    for name, found in result["detections"].items():
        first = found.get("first") or {}
        moment = f"{first['date']}, account {first['account_id']}" if first else "-"
        counts = (f"{found['count']:,}", f"{found['subjects']:,}")
        table.add_row(name, *counts, moment, first.get("amount", "-"), first.get("compared_with", "-"))
    return table


def day_of(text: str, option: str) -> date:
    """The day that an option names; a Failure says how to write one."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise Failure(f"{option} {text!r} is no day: write it as 2026-03-31") from error


def _speed(text: str) -> str | float:
    if text == "max":
        return text
    try:
        rate = float(text)
    except ValueError as error:
        raise Failure(f"--speed {text!r} is neither 'max' nor a number of postings a second") from error
    if not 0 < rate < 1e7:
        raise Failure(f"--speed {text}: between 0 and ten million postings a second")
    return rate
