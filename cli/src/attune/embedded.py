"""`attune up`: what is started in which order, and how the home records it."""

import asyncio
import contextlib
import os
import signal
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import psutil

from attune.home import FIRST_GATEWAY_PORT, Clock, Home
from attune.output import Failure, console
from attune.ports import claim_port, free_ports
from attune.processes import SERVICES, Ports, environment, service_command, versions
from attune.streams import make_streams
from attune.supervisor import Child, StartFailed, Supervisor, end_orphans
from attune_service_kit.development_exchange import served
from attune_service_kit.development_issuer import DevelopmentIssuer
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.nats_rights import PROVISION_USER

START_SECONDS = 120.0


def run_home(
    home: Home, *, clock: Clock | None, port: int | None, until_eof: bool, announce: Callable[[], None]
) -> None:
    """Run a home in the foreground until SIGINT, SIGTERM or, with `until_eof`, the end of stdin."""
    home.create(clock)
    left = end_orphans(home.state().get("processes", {}))
    if left:
        console.print(f"[yellow]ended what a killed supervisor had left behind: {', '.join(left)}[/yellow]")
    try:
        asyncio.run(_run(home, port, until_eof, announce))
    except StartFailed as failure:
        raise Failure(str(failure)) from failure
    finally:
        home.state_file.unlink(missing_ok=True)


async def _run(home: Home, port: int | None, until_eof: bool, announce: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_eof:
        loop.add_reader(sys.stdin, lambda: stop.set() if not os.read(sys.stdin.fileno(), 64) else None)
    run = HomeRun(home, port)
    async with served(DevelopmentIssuer(home.keys), home.password("exchange"), run.issuer):
        await _supervised(run, stop, announce)


async def _supervised(run: "HomeRun", stop: asyncio.Event, announce: Callable[[], None]) -> None:
    try:
        starting = asyncio.create_task(run.start())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return
        await starting
        announce()
        await stopping
    finally:
        await run.supervisor.stop()


class HomeRun:
    """The processes of one home: the two servers, then the services and the gateway; each service migrates its own."""

    def __init__(self, home: Home, port: int | None) -> None:
        self.home = home
        self.supervisor = Supervisor(self.record)
        self.ready = False
        self.postgres = EmbeddedPostgres(home.data / "postgres", passwords=lambda user: home.password(f"pg.{user}"))
        self.nats = EmbeddedNats(home.data / "nats", services=SERVICES, seeds=home.nats_seed)
        # Who names a port has told it to others; who names none takes what is free.
        gateway = claim_port(port, among=1) if port else claim_port(FIRST_GATEWAY_PORT)
        postgres, nats = self.postgres.port, self.nats.port
        self.issuer, *free = free_ports(1 + len(SERVICES), besides=(postgres, nats, gateway))
        self.ports = Ports(postgres, nats, gateway, dict(zip(SERVICES, free, strict=True)), self.issuer)

    async def start(self) -> None:
        """Start everything in order; raise StartFailed with the process's last words if one does not come up."""
        if self.postgres.notice:
            console.print(f"[dim]{self.postgres.notice}[/dim]")
        await asyncio.to_thread(self.postgres.prepare)
        self.nats.prepare()
        self.record()
        await self.supervisor.launch(self._postgres(), self._nats())
        seed = self.home.nats_seed(PROVISION_USER)
        await asyncio.gather(self.postgres.provision(SERVICES), make_streams(self.nats.url, seed))
        await self.supervisor.launch(*(self._service(name) for name in (*SERVICES, "gateway")), timeout=START_SECONDS)
        self.ready = True
        self.record()

    def record(self) -> None:
        """Write who runs here: what `status`, `down` and the next `up` read."""
        urls = {name: self.ports.url(name) for name in (*SERVICES, "gateway")}
        own = psutil.Process()
        self.home.write_state(
            {
                "supervisor": {"pid": own.pid, "started": own.create_time()},
                "ready": self.ready,
                "processes": {c.name: _identity(c.pid) for c in self.supervisor.children if c.pid},
                "urls": urls | {"docs": urls["gateway"] + "/docs"},
                "ports": {"postgres": self.ports.postgres, "nats": self.ports.nats, "gateway": self.ports.gateway}
                | dict(self.ports.services),
                "versions": versions(),
            }
        )

    def _postgres(self) -> Child:
        options = self.postgres.popen_options()
        return Child(
            "postgres",
            self.postgres.argv(),
            options["env"],
            self.home.logs / "postgres.log",
            lambda: _answers(self.postgres.wait_ready),
            stop_signal=signal.SIGINT,
            user=options.get("user"),
            group=options.get("group"),
        )

    def _nats(self) -> Child:
        return Child(
            "nats",
            self.nats.argv(),
            dict(os.environ),
            self.home.logs / "nats.log",
            lambda: _answers(self.nats.wait_ready),
        )

    def _service(self, name: str) -> Child:
        argv = service_command(name, "app" if name == "gateway" else "embedded")
        url = self.ports.url(name) + "/readyz"
        return Child(
            name, argv, environment(self.home, self.ports, name), self.home.logs / f"{name}.log", lambda: _serves(url)
        )


def _identity(pid: int) -> dict[str, Any]:
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {"pid": pid, "started": 0.0}


async def _answers(wait_ready: Callable[[float], Any]) -> bool:
    try:
        await wait_ready(0.2)
    except Exception:
        return False
    return True


async def _serves(url: str) -> bool:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - a loopback address of our own
                return bool(answer.status == 200)
        except OSError:
            return False

    return await asyncio.to_thread(ask)
