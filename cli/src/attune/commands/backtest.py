"""`attune backtest`: what a trigger would have found, by the lake alone."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.client import Client
from attune.commands.bank_data import day_of
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result, reason
from attune.progress import job_progress
from attune.session import running


class Language(Enum):
    """The page's languages."""

    ZH = "zh"
    EN = "en"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(
    trigger: Annotated[
        str, typer.Argument(metavar="TRIGGER", help="A trigger's name, NAME@VERSION, or its YAML file.")
    ],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day.")],
    against: Annotated[
        str | None,
        typer.Option(metavar="TRIGGER", help="What to set beside it: NAME, NAME@VERSION or a file, on the same days."),
    ] = None,
    capacity: Annotated[
        int | None,
        typer.Option(min=1, max=1_000, help="Opportunities a relationship manager can act on in a day."),
    ] = None,
    overlap: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An active trigger to look at beside it, repeatable; default the first 20."),
    ] = None,
    overlap_days: Annotated[
        int, typer.Option(min=0, max=366, help="Two triggers overlap up to so many days apart.")
    ] = 7,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write one page with pictures, complete in itself.")
    ] = None,
    lang: Annotated[Language, typer.Option(help="The page's language.")] = Language.EN,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a trigger would have found in the lake on some days. Nothing is raised, nothing changes."""
    days = day_of(first, "--from"), day_of(last, "--to")
    if days[1] < days[0]:
        raise Failure(f"--from {first} lies after --to {last}")
    if html is not None and not html.absolute().parent.is_dir():
        raise Failure(f"there is no directory {html.parent} for --html")
    body = asked(trigger) | {"from": days[0].isoformat(), "to": days[1].isoformat(), "overlap_days": overlap_days}
    body |= {name: value for name, value in (("capacity", capacity), ("overlap", overlap)) if value}
    body |= {} if against is None else {"against": asked(against)}
    with running(Home.at(home)) as place, Client(place) as client, job_progress(console, quiet=as_json) as progress:
        result = client.run_job("eventing", "/v1/backtests", body, progress(f"backtest {trigger}"))
    if html is not None:
        _write(html, result, lang)
    if not as_json:
        _show(result)
    words = f"{result['trigger']}: {result['detections']:,} detections of {result['subjects']:,} customers"
    print_result(result, as_json, words)


def asked(trigger: str) -> dict[str, Any]:
    """What to ask for: a name, a name with a version, or the file's text."""
    file = Path(trigger)
    if file.suffix not in (".yaml", ".yml"):
        name, at, version = trigger.partition("@")
        if at and not (version.isascii() and version.isdecimal()):
            raise Failure(f"{trigger}: the version is a whole number, as in {name or 'large-deposit'}@2")
        return {"trigger": name, "version": int(version)} if at else {"trigger": name}
    if not file.is_file():
        raise Failure(f"there is no file {file}")
    try:
        return {"file": file.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {reason(error)}") from error


def _write(file: Path, result: dict[str, Any], lang: Language) -> None:
    from attune.backtests.page import page

    try:
        file.write_text(page(result, lang.value), encoding="utf-8")
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
    console.print(f"written: {file}", markup=False)


def _show(result: dict[str, Any]) -> None:
    from attune.backtests import tables

    for table in tables.tables(result):
        console.print(table)
    for remark in tables.remarks(result):
        console.print(remark, markup=False)
