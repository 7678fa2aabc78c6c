"""`attune trigger` sets a trigger's parameters; `attune triggers` checks, keeps, activates and pauses trigger files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from attune.client import Client
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result, reason, waits_for_another
from attune.session import running

TriggerName = Annotated[str, typer.Argument(help="The trigger's name, e.g. large-deposit.")]


FileArgument = Annotated[Path, typer.Argument(help="A trigger file (docs/reference/triggers.md).")]

group = typer.Typer(help="Triggers and their files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("trigger")(trigger)
    app.add_typer(group, name="triggers")


@group.command("list")
def listing(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the triggers, each with its newest version and the one that judges the stream."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client:
        items = list(client.pages("/v1/triggers", limit=200))
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
        known = {one["name"] for one in client.pages("/v1/triggers", limit=200)}
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
        words = waits_for_another(answer, "eventing")
        if words is None:
            answer = operator.wait_job("eventing", str(answer["job_id"]))
            words = f"{name} v{number} is in force: {answer['customers']} customers' states"
    print_result(answer, as_json, words)


@group.command("show")
def show(
    name: TriggerName,
    version: Annotated[int | None, typer.Option(min=1, help="By default the newest.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a version of a trigger with its file, and how often it has fired lately."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client:
        number = version or client.get(f"/v1/triggers/{name}")["version"]
        told = dict(client.get(f"/v1/triggers/{name}/versions/{number}"))
        days = client.get(f"/v1/triggers/{name}/rate")["days"]
    raised = sum(day["raised"] for day in days)
    words = f"{name} v{number}, {told['state']}; {raised} detections on {len(days)} days\n{told['file']}".rstrip()
    if own := told["definition"].get("fields"):
        meant = "\n".join(f"  {field['name']}: {field['is']}" for field in own)
        words += f"\nthe bank's own fields, as they were when it was kept:\n{meant}"
    print_result(told | {"rate": days}, as_json, words)


@group.command("diff")
def diff(
    name: TriggerName,
    before: Annotated[int, typer.Argument(min=1, help="A version.")],
    after: Annotated[int, typer.Argument(min=1, help="The version to compare with it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the keys in which two versions of a trigger differ."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client:
        told = dict(client.get(f"/v1/triggers/{name}/versions/{after}/differences", other=before))
    if not as_json:
        table = Table("key", f"v{before}", f"v{after}")
        for one in told["differences"]:
            table.add_row(one["key"], _cell(one["before"]), _cell(one["after"]))
        console.print(table if told["differences"] else "They say the same.")
    print_result(told, as_json)


@group.command("pause")
def pause(name: TriggerName, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Let a trigger raise nothing until it is resumed; its states are kept up all the while."""
    _switch(name, home, as_json, enabled=False)


@group.command("resume")
def resume(name: TriggerName, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Let a paused trigger raise again; what it would have raised meanwhile is not made up for."""
    _switch(name, home, as_json, enabled=True)


@group.command("discard")
def discard(
    name: TriggerName,
    version: Annotated[int, typer.Argument(min=1, help="A draft.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a draft: it is kept and can never be activated."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client:
        told = dict(client.post(f"/v1/triggers/{name}/versions/{version}:discard"))
    print_result(told, as_json, f"{name} v{version} is {told['state']}")


@group.command("retire")
def retire(
    name: TriggerName,
    reason: Annotated[str, typer.Option(help="Kept in the trail.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a trigger out of force for good; its versions and detections stay, what it keeps of customers goes."""
    with running(Home.at(home)) as place, Client(place, "marketer") as client, Client(place) as operator:
        answer = dict(client.post(f"/v1/triggers/{name}:retire", {"reason": reason}))
        words = waits_for_another(answer, "eventing")
        if words is None:
            answer |= operator.wait_job("eventing", str(answer["job_id"]))
            words = f"{name} v{answer['version']} is retired: {answer['states']} states gone"
    print_result(answer, as_json, words)


def _switch(name: str, home: Path | None, as_json: bool, *, enabled: bool) -> None:
    with running(Home.at(home)) as place, Client(place) as client:
        told = set_trigger(client, name, enabled=enabled)
    print_result(told, as_json, f"{name} v{told['version']} is {told['state']}")


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {reason(error)}") from error


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


def set_trigger(client: Client, name: str, **parameters: int | bool | None) -> dict[str, object]:
    """Change the given parameters of a trigger (None = leave it); return its definition.

    Failure where another person has to approve the change first.
    """
    changes = {key: value for key, value in parameters.items() if value is not None}
    current = dict(client.get(f"/v1/triggers/{name}"))
    if all(current.get(key) == value for key, value in changes.items()):
        return current
    answer = dict(client.put(f"/v1/triggers/{name}", changes))
    if (waits := waits_for_another(answer, "eventing")) is not None:
        raise Failure(waits)
    return answer
