"""`attune backtest`: what a trigger would have found, by the lake alone."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from attune.client import Client
from attune.commands.bank_data import day_of
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result
from attune.progress import job_progress
from attune.session import running

# So many days with detections are shown; the JSON has all.
_SHOWN = 31


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help="A trigger's name, or its YAML file.")],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a trigger would have found in the lake on some days. Nothing is raised, nothing changes."""
    days = day_of(first, "--from"), day_of(last, "--to")
    if days[1] < days[0]:
        raise Failure(f"--from {first} lies after --to {last}")
    body = _asked(trigger) | {"from": days[0].isoformat(), "to": days[1].isoformat()}
    with running(Home.at(home)) as place, Client(place) as client, job_progress(console, quiet=as_json) as progress:
        result = client.run_job("eventing", "/v1/backtests", body, progress(f"backtest {trigger}"))
    if not as_json:
        console.print(_table(result))
    words = f"{result['trigger']}: {result['detections']:,} detections of {result['subjects']:,} customers"
    print_result(result, as_json, words)


def _asked(trigger: str) -> dict[str, str]:
    """What to ask for: a name, or the file's text."""
    file = Path(trigger)
    if file.suffix not in (".yaml", ".yml"):
        return {"trigger": trigger}
    if not file.is_file():
        raise Failure(f"there is no file {file}")
    try:
        return {"file": file.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {error}") from error


def _table(result: dict[str, Any]) -> Table:
    table = Table("day", "detections", title=f"{result['trigger']}, {result['from']} to {result['to']}")
    days = list(result["per_day"].items())
    for day, count in days[-_SHOWN:]:
        table.add_row(day, f"{count:,}")
    return table
