"""A bank's own NATS gets its streams from one command: nothing else makes them outside a home."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attune.main import main
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.nats_client import connect
from attune_service_kit.nats_rights import PROVISION_USER, inbox_prefix
from attune_service_kit.streams import STREAMS
from attune_service_kit.testing import run_apart
from attune_service_kit.testing_credentials import nats_seed

Command = Callable[..., int | str | None]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in this process; its exit code."""

    def run(*arguments: object) -> int | str | None:
        monkeypatch.setattr(sys, "argv", ["attune", *(str(a) for a in arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    return run


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    (tmp_path / f"{PROVISION_USER}.seed").write_text(nats_seed(PROVISION_USER))
    return tmp_path


async def kept(server: EmbeddedNats) -> dict[str, int | None]:
    client = await connect(server.url, nats_seed(PROVISION_USER), inbox_prefix=inbox_prefix(PROVISION_USER).encode())
    try:
        found = [await client.jetstream().stream_info(name) for name in STREAMS]
    finally:
        await client.close()
    return {str(info.config.name): info.config.num_replicas for info in found}


def test_the_streams_are_made_and_made_again_without_harm(
    command: Command, seeds: Path, nats_server: EmbeddedNats, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert command("nats-streams", nats_server.url, seeds, "--replicas", 1) == 0, capsys.readouterr().err
    assert "EVT, LEDGER, replicas 1" in capsys.readouterr().out
    assert run_apart(kept(nats_server)) == {"EVT": 1, "LEDGER": 1}


def test_what_cannot_be_is_said_in_one_line(
    command: Command, seeds: Path, nats_server: EmbeddedNats, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("nats-streams", nats_server.url, tmp_path / "none") == 1
    assert "attune nats-users" in capsys.readouterr().err
    assert command("nats-streams", "nats://127.0.0.1:1", seeds) == 1
    assert command("nats-streams", nats_server.url, seeds, "--replicas", 3) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2, said
    assert "replicas" in said[1]
    (seeds / f"{PROVISION_USER}.seed").write_text(nats_seed("campaign"))
    assert command("nats-streams", nats_server.url, seeds, "--replicas", 1) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "permissions violation" in line.lower()
