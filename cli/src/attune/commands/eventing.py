"""`attune reconcile` and `attune eventing rebuild`: the stream against the day's file, and keyed state anew."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from attune.bank_import import read_mapping
from attune.client import Client, as_role
from attune.commands.bank_data import day_of
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.ledger_replay import FLOW
from attune.output import Failure, console, print_result
from attune.progress import job_progress
from attune.session import running

group = typer.Typer(help="The keyed state of the triggers.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("reconcile")(reconcile)
    app.add_typer(group, name="eventing")


def reconcile(
    day: Annotated[str, typer.Option("--date", metavar="DATE", help="The business day, YYYY-MM-DD.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The folder with the bank's file; else what the lake has.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="The mapping file that says what the file means.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a day's file with the stream; send what is missing once, list what differs. Twice changes nothing."""
    body = {"date": day_of(day, "--date").isoformat()} | _file(folder, mapping)
    with running(Home.at(home)) as place, Client(place) as client, job_progress(console) as progress:
        result = client.run_job("eventing", "/v1/ledger/reconciliations", body, progress(f"reconcile {day}"))
        client.settle(*FLOW)
    if not as_json and (result["differences"] or result["unexpected"]):
        console.print(_table(result))
    print_result(result, as_json, reconciled(result))


def reconciled(result: dict[str, Any]) -> str:
    """What came of it, in a line."""
    words = f"{result['added']:,} of {result['missing']:,} missing postings sent, {result['different']:,} differ"
    if result["waiting"]:
        words += f", {result['waiting']:,} wait for their account"
    if result["rejected"]:
        first = result["rejects"][0]
        words += (
            f"; {result['rejected']:,} lines of the file cannot be read, the first of them"
            f" {first['file']} line {first['line']}: {first['column']} {first['reason']}"
        )
    return words


def _file(folder: Path | None, mapping: Path | None) -> dict[str, Any]:
    if folder is None and mapping is None:
        return {}
    if folder is None or mapping is None:
        raise Failure("name both the folder and --mapping, or neither to compare with the lake")
    if not folder.is_dir():
        raise Failure(f"{folder} is no folder: give the one that holds the bank's file")
    return {"mapping": read_mapping(mapping).as_object(), "folder": str(folder.resolve())}


def _table(result: dict[str, Any]) -> Table:
    table = Table("posting", "field", "file", "stream", title=f"Differences of {result['date']}")
    for one in result["differences"]:
        table.add_row(one["posting_id"], one["field"], str(one["file"]), str(one["stream"]))
    for key in result["unexpected"]:
        table.add_row(key, "", "not in the file", "")
    return table


@group.command("rebuild")
def rebuild(
    customers: Annotated[
        list[str] | None, typer.Option("--customers", metavar="ID", help="A customer, by either id; repeatable.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every customer.")] = False,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="With --all: only days before this one; the stream brings more.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute keyed states anew from the lake and the stream; find what came beyond the watermark."""
    if bool(customers) == everybody or (customers and before):
        raise Failure("name --customers, or --all with or without --before")
    limit = day_of(before, "--before") if before else None
    with running(Home.at(home)) as place, Client(place) as client, job_progress(console) as progress:
        result = client.run_job("eventing", "/v1/ledger/rebuilds", _body(place, customers, limit), progress("rebuild"))
        client.settle(*FLOW)
    words = f"{result['customers']:,} customers, {result['raised']:,} raised, {result['withdrawn']:,} withdrawn"
    print_result(result, as_json, words)


def _body(home: Home, customers: list[str] | None, before: date | None) -> dict[str, Any]:
    body: dict[str, Any] = {"before": before.isoformat() if before else None}
    return body | ({"customers": ids_of(home, customers)} if customers else {})


def ids_of(home: Home, names: list[str]) -> list[str]:
    """Attune's ids of customers who are named by them or by the bank's."""
    ids: list[str] = []
    with as_role(home, "head_office") as office:
        for name in names:
            try:
                ids.append(str(UUID(name)))
            except ValueError:
                found = [one["customer_id"] for one in office.pages("/v1/customers", source_id=name)]
                if len(found) != 1:
                    raise Failure(f"{len(found)} customers have the bank's id {name}") from None
                ids += found
    return ids
