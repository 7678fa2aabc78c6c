"""`attune keys`: change the keys of a home while everything runs (X25)."""

import subprocess
from typing import Annotated, Any

import typer

from attune.client import Client
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result
from attune.processes import SERVICES, Ports, environment, service_command
from attune.session import running


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(help="The keys of a home.", no_args_is_help=True)
    keys.callback()(lambda: None)
    keys.command("rotate")(rotate)
    app.add_typer(keys, name="keys")


def rotate(
    kek: Annotated[bool, typer.Option("--kek", help="The key that wraps the data keys instead.")] = False,
    index: Annotated[
        bool, typer.Option("--index", help="The keys that names and phones are found by instead.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the data keys and seal everything anew, with --kek the key that wraps them, with --index the index keys.

    Broken off, it goes on.
    """
    if kek and index:
        raise Failure("one at a time: --kek or --index")
    with running(Home.at(home)) as place:
        if kek:
            rotate_kek(place)
            words = f"a new key wraps the data keys: keep a copy of {place.kek_file}. The former ones are in"
            words += f" {place.former_keks}: keep them apart for as long as backups of their time are kept"
            print_result({"rotated": "kek", "former": str(place.former_keks)}, as_json, words)
            return
        done = rotate_keys(place, "rotate-index" if index else "rotate-keys")
    rows = "reindexed" if index else "resealed"
    words = ", ".join(f"{service}: key {result['key']}, {result[rows]} rows" for service, result in done.items())
    print_result({"rotated": "index" if index else "data", "services": done}, as_json, words)


def rotate_kek(place: Home) -> None:
    """A newer key beside the older, every service's keys wrapped by it, and the older one put aside."""
    place.add_kek()
    for service in SERVICES:
        run_command(place, service, "rewrap-keys")
    place.keep_newest_kek()


def rotate_keys(place: Home, command: str) -> dict[str, dict[str, Any]]:
    """Start the job of every service and wait for all of them; return their results."""
    jobs = {service: run_command(place, service, command).strip() for service in SERVICES}
    console.print("[dim]under way; it begins when every process holds the new key, after more than a minute[/dim]")
    with Client(place) as client:
        return {service: client.wait_job(service, job) for service, job in jobs.items()}


def run_command(place: Home, service: str, command: str) -> str:
    """Run a command of a service's package against the running home; return what it prints."""
    ports = place.state()["ports"]
    known = Ports(ports["postgres"], ports["nats"], ports["gateway"], {name: ports[name] for name in SERVICES})
    done = subprocess.run(
        service_command(service, command),
        env=environment(place, known, service),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["no reason given"]
        raise Failure(f"{service} {command}: {words[-1]}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
