"""`attune demo`: everything in one command."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    customers: Annotated[int, typer.Option(min=2000, max=1_000_000, help="Persons of the generated bank.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bank.")] = 1,
    leavers: Annotated[
        float, typer.Option(min=0.0, max=0.2, help="The share of persons who leave the bank, for models of churn.")
    ] = 0.0,
    bank_only: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the bank's files into this folder, to import them by hand, and end."),
    ] = None,
    exit_: Annotated[bool, typer.Option("--exit", help="End when the story is told.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generate a bank, import it, replay 60 days, contact, measure; then stay up until Ctrl-C."""
    # The generator and its libraries take a second to import: only this command pays for them.
    from attune.demo.story import farewell, told

    if bank_only:
        write_bank(bank_only, customers, seed, leavers, as_json)
        return
    # A closing terminal or `kill` ends the demo as Ctrl-C does, and Ctrl-C does also where a shell has begun it in the
    # background and lets it ignore the signal: nothing may stay behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    place = Home.at(home)
    try:
        with told(place, customers, seed, leavers) as story:
            farewell(story)
            print_result(story.result(), as_json)
            if not exit_:
                console.print("\nEverything stays up until Ctrl-C.")
                while True:
                    signal.pause()
    except KeyboardInterrupt:
        console.print("ended")
    except ValueError as error:
        raise Failure(str(error)) from error


def write_bank(folder: Path, customers: int, seed: int, leavers: float, as_json: bool) -> None:
    """The bank of the demo as files, and what its customers would do as `<folder>.truth.parquet` beside them."""
    from attune.bank.generate import generate

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} holds something already: choose another folder")
    bank = generate(folder, customers, seed, leavers=leavers)
    result = {"folder": str(folder), "rows": bank.rows, "first_day": bank.first_day, "last_day": bank.last_day}
    said = f"{folder}: {sum(bank.rows.values()):,} rows in {len(bank.rows)} files, {bank.first_day} to {bank.last_day}"
    print_result(result, as_json, said)
