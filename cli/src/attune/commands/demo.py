"""`attune demo`: everything in one command."""

import signal
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
    exit_: Annotated[bool, typer.Option("--exit", help="End when the story is told.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generate a bank, import it, replay 60 days, contact, measure; then stay up until Ctrl-C."""
    # The generator and its libraries take a second to import: only this command pays for them.
    from attune.demo.story import farewell, told

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
