"""`attune trigger`: look at a trigger and set its parameters."""

from typing import Annotated

import typer

from attune.client import Client
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, print_result
from attune.session import running

TriggerName = Annotated[str, typer.Argument(help="The trigger's name, e.g. large-deposit.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("trigger")(trigger)


def trigger(
    name: TriggerName = "large-deposit",
    cooldown_days: Annotated[int | None, typer.Option(min=0, max=3650, help="Days of rest after a detection.")] = None,
    lateness_days: Annotated[int | None, typer.Option(min=0, max=365, help="How late a posting may come.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a trigger; with an option, set its parameters as a new version."""
    with running(Home.at(home)) as place, Client(place) as client:
        definition = set_trigger(client, name, cooldown_days=cooldown_days, lateness_days=lateness_days)
    words = ", ".join(f"{key} {value}" for key, value in definition.items())
    print_result(definition, as_json, words)


def set_trigger(client: Client, name: str, **parameters: int | None) -> dict[str, object]:
    """Change the given parameters of a trigger (None = leave it); return its definition.

    Failure where another person has to approve the change first.
    """
    changes = {key: value for key, value in parameters.items() if value is not None}
    current = dict(client.get(f"/v1/triggers/{name}"))
    if all(current.get(key) == value for key, value in changes.items()):
        return current
    answer = dict(client.put(f"/v1/triggers/{name}", changes))
    if "maker" in answer:
        raise Failure(f"another person has to approve this first: proposal {answer['id']} of eventing")
    return answer
