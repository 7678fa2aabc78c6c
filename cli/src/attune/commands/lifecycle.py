"""`attune up`, `down`, `status`: the processes of one home."""

import os
import signal
import time
from typing import Annotated, Any

import psutil
import typer
from rich.table import Table

from attune.client import Client
from attune.commands.options import HomeOption, JsonOption
from attune.home import Clock, Home
from attune.output import Failure, console, print_result
from attune.processes import SERVICES
from attune.session import spawn, supervisor_pid, wait_up
from attune.supervisor import is_running

ClockOption = Annotated[
    Clock | None, typer.Option(help="Business time: the stream's ('events') or the wall's. Kept for ever.")
]
PortOption = Annotated[int | None, typer.Option(help="The gateway's port (default: the first free one from 8080).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)


def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when everything serves; `attune down` ends it.")
    ] = False,
    clock: ClockOption = None,
    port: PortOption = None,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start Attune: PostgreSQL, NATS, five services and the gateway, under one supervisor."""
    place = Home.at(home)
    if pid := supervisor_pid(place):
        raise Failure(f"{place.root} is up already (process {pid}): `attune down --home {place.root}` ends it")
    if detach:
        wait_up(place, spawn(place, clock, port))
        report = describe(place)
        print_result(report, as_json, f"up: {report['urls']['gateway']}")
        return

    def announce() -> None:
        report = describe(place)
        print_result(report, as_json, f"up: {report['urls']['gateway']} (Ctrl-C ends it)")

    # Servers and their drivers take a second to import, which no other command needs.
    from attune.embedded import run_home

    run_home(place, clock=clock, port=port, until_eof=until_eof, announce=announce)


def down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End everything of a home."""
    place = Home.at(home)
    pid = supervisor_pid(place)
    if pid is None:
        print_result({"stopped": False}, as_json, f"nothing runs in {place.root}")
        return
    started = place.state()["supervisor"]["started"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while is_running(pid, started) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            raise Failure(f"the supervisor (process {pid}) has not ended within 60 s: see {place.logs}")
        time.sleep(0.05)
    print_result({"stopped": True}, as_json, f"stopped {place.root}")


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what runs, where, and how far each service has come."""
    place = Home.at(home)
    report = describe(place)
    if not report["running"]:
        what = f"{place.root} is starting" if supervisor_pid(place) else f"nothing runs in {place.root}"
        print_result(report, as_json, what)
        return
    with Client(place) as client:
        report["services"] = {service: client.status(service) for service in SERVICES}
    if as_json:
        print_result(report, as_json)
        return
    console.print(_processes(report))


def _processes(report: dict[str, Any]) -> Table:
    """What runs, as a table that a terminal of eighty characters holds: addresses and times are there to be read."""
    table = Table("process", "pid", "address", "business time", "outbox", "pending", "jobs", padding=(0, 1, 0, 0))
    for name, process in report["processes"].items():
        lag: dict[str, Any] = report["services"].get(name, {})
        port = report["ports"].get(name)
        moment = (lag.get("business_time") or "-")[:16].replace("T", " ")
        cells = (
            # Nothing has told the time yet: a clock of events begins with the epoch.
            "-" if moment.startswith("1970-") else moment,
            lag.get("outbox_pending"),
            sum(c["pending"] for c in lag.get("consumers", [])),
            lag.get("jobs_active"),
        )
        table.add_row(
            name,
            str(process["pid"]),
            f"127.0.0.1:{port}" if port else "-",
            *(str(c) if lag else "-" for c in cells),
        )
    return table


def describe(home: Home) -> dict[str, Any]:
    """Return the urls, processes, ports and versions of a home."""
    alive = supervisor_pid(home) is not None
    state = home.state() if alive else {}
    return {
        "running": alive and bool(state.get("ready")),
        "home": str(home.root),
        "urls": state.get("urls", {}),
        "ports": state.get("ports", {}),
        "processes": state.get("processes", {}),
        "versions": state.get("versions", {}),
    }
