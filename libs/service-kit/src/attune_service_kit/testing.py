"""pytest fixtures over real servers: `pytest_plugins = ["attune_service_kit.testing"]` in the root conftest."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres

# The platform's services, and two names for the services that tests define themselves.
T = TypeVar("T")

SERVICES = ("customer_360", "eventing", "insight", "scoring", "campaign", "sample", "sample_reader")


def password(user: str) -> str:
    """The password of every role and NATS user in the tests."""
    return f"test-{user}"


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread with its own loop: for session fixtures, which have none."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # handed to the caller
            failure.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


async def eventually(
    predicate: Callable[[], Awaitable[Any]], timeout: float = 20.0, *, every: float = 0.02, what: str = "it"
) -> Any:
    """Return the predicate's first true answer; fail after `timeout` seconds, a bound against hanging only."""
    async with asyncio.timeout(timeout) as bound:
        while not (answer := await predicate()):
            try:
                await asyncio.sleep(every)
            except asyncio.CancelledError:
                if bound.when() is not None and bound.expired():
                    pytest.fail(f"{what} did not come about within {timeout} s")
                raise
        return answer


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """A folder that the unprivileged user of PostgreSQL can reach (pytest's own are closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix="attune-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL with the roles and empty databases of every service."""
    server = EmbeddedPostgres(server_dir / "postgres", passwords=password)
    server.start(server_dir / "postgres.log")
    try:
        run_apart(server.wait_ready())
        run_apart(server.provision(SERVICES))
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def nats_server(server_dir: Path) -> Iterator[EmbeddedNats]:
    """A real NATS server with JetStream and the users of every service; no streams yet."""
    folder = Path(tempfile.mkdtemp(prefix="nats-", dir=server_dir))
    server = EmbeddedNats(folder / "store", passwords=password, services=SERVICES)
    server.start(folder / "nats.log")
    try:
        run_apart(server.wait_ready())
        yield server
    finally:
        server.stop()


@pytest.fixture
def lake_dir(tmp_path: Path) -> Path:
    """An empty lake's folder."""
    folder = tmp_path / "lake"
    folder.mkdir()
    return folder
