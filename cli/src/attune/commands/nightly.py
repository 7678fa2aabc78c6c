"""`attune triggers run`: a day's file, judged in the lake."""

from typing import Annotated

import typer
from rich.table import Table

from attune.client import Client
from attune.commands import triggers
from attune.commands.bank_data import day_of
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.ledger_replay import FLOW
from attune.output import console, print_result
from attune.progress import job_progress
from attune.session import running


def register(_: typer.Typer) -> None:
    """Add the command to those of the triggers."""
    triggers.group.command("run")(run)


def run(
    day: Annotated[str, typer.Option("--date", metavar="DATE", help="The business day, YYYY-MM-DD.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a day's file in the lake, for a bank without a live stream. Twice changes nothing."""
    body = {"date": day_of(day, "--date").isoformat()}
    with running(Home.at(home)) as place, Client(place) as client, job_progress(console, quiet=as_json) as progress:
        result = client.run_job("eventing", "/v1/triggers:run", body, progress(f"triggers of {day}"))
        client.settle(*FLOW)
    if not as_json:
        table = Table("trigger", "raised", "withdrawn", title=f"Triggers of {result['date']}")
        for name, counts in sorted(result["triggers"].items()):
            table.add_row(name, f"{counts['raised']:,}", f"{counts['withdrawn']:,}")
        console.print(table)
    words = f"{result['raised']:,} raised, {result['withdrawn']:,} withdrawn"
    print_result(result, as_json, words)
