"""`attune trigger` sets a trigger's parameters; `attune triggers` checks, keeps and activates trigger files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from attune.client import Client
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result
from attune.session import running

TriggerName = Annotated[str, typer.Argument(help="The trigger's name, e.g. large-deposit.")]


FileArgument = Annotated[Path, typer.Argument(help="A trigger file (docs/reference/triggers.md).")]

group = typer.Typer(name="triggers", help="Trigger files: list, check, add, activate.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("trigger")(trigger)
    app.add_typer(group)


@group.command("list")
def listing(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the triggers, each with its newest version and the one that judges the stream."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client:
        items = client.get("/v1/triggers", limit=200)["items"]
    if not as_json:
        table = Table("trigger", "kind", "newest", "state", "in force")
        for one in items:
            in_force = "" if one["in_force"] is None else str(one["in_force"])
            table.add_row(one["name"], one["kind"], str(one["version"]), one["state"], in_force)
        console.print(table)
    print_result({"triggers": items}, as_json)


@group.command("check")
def check(file: FileArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check a trigger file and say its conditions in words; nothing is kept."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client:
        told = dict(client.post("/v1/triggers:validate", {"file": _text(file)}))
    lines = [f"  {one['key']}: {one['en']}\n  {' ' * len(one['key'])}  {one['zh']}" for one in told["conditions"]]
    print_result(told, as_json, "\n".join([f"{told['trigger']}: {told['kind']}", *lines]))


@group.command("add")
def add(file: FileArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Keep a trigger file as a draft: a new trigger, or the next version of the one that it names."""
    body = {"file": _text(file)}
    with running(Home.at(home)) as place, Client(place, "marketer") as client:
        name = client.post("/v1/triggers:validate", body)["trigger"]
        known = {one["name"] for one in client.get("/v1/triggers", limit=200)["items"]}
        made = dict(client.post(f"/v1/triggers/{name}/versions" if name in known else "/v1/triggers", body))
    words = f"{name} v{made['version']}, a draft; let it judge the stream: attune triggers activate {name}"
    print_result(made, as_json, words)


@group.command("activate")
def activate(
    name: TriggerName,
    version: Annotated[int | None, typer.Option(min=1, help="By default the newest.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a draft judge the stream: its states are made from what has been, the stream goes on meanwhile."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client, Client(place) as operator:
        number = version or client.get(f"/v1/triggers/{name}")["version"]
        answer = dict(client.post(f"/v1/triggers/{name}:activate", {"version": number}))
        if "maker" in answer:
            words = f"another person has to approve this first: proposal {answer['id']} of eventing"
        else:
            answer = operator.wait_job("eventing", str(answer["job_id"]))
            words = f"{name} v{number} is in force: {answer['customers']} customers' states"
    print_result(answer, as_json, words)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {error}") from error


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
