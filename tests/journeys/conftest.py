"""Journeys drive the product from outside: the command line, real processes, the gateway."""

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from attune.bank.generate import BankFiles, generate
from attune.client import Client, issue_token
from attune.home import Home
from attune.main import main
from attune_client import Attune as AttuneClient
from attune_client import schemas
from attune_contracts.catalog import SERVICES
from attune_contracts.identifiers import customer_id
from attune_service_kit.event_recorder import EventRecorder, hold_outbox
from attune_service_kit.testing import run_apart

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")


class Attune:
    """Runs `attune` commands as a person or a script would: in processes of their own."""

    root = ROOT

    def command(self, *arguments: object) -> list[str]:
        """The command line, in the environment that runs the tests."""
        return [sys.executable, "-m", "attune.main", *(str(a) for a in arguments)]

    def __call__(self, *arguments: object, timeout: float = 280) -> dict[str, Any]:
        """Run with --json and return its object; a refusal fails the test with its own words."""
        done = self._run(*arguments, "--json", timeout=timeout)
        assert done.returncode == 0, done.stderr[-3000:]
        lines = done.stdout.strip().splitlines()
        assert len(lines) == 1, f"stdout carries more than one JSON object: {done.stdout[:500]}"
        return dict(json.loads(lines[0]))

    def refused(self, *arguments: object) -> str:
        """Run a command that must fail; return its one line."""
        done = self._run(*arguments, timeout=60)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout == ""
        return done.stderr

    def refused_at_once(self, *arguments: object) -> str:
        """The same of what is refused before anything is begun, in this process: it takes no start of another."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(sys, "argv", ["attune", *(str(a) for a in arguments)])
            with pytest.raises(SystemExit) as ended:
                main()
        assert ended.value.code
        assert out.getvalue() == ""
        return err.getvalue()

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command with --json and let it run."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command(*arguments, "--json"), stdout=pipe, stderr=pipe, text=True, cwd=ROOT)

    def _run(self, *arguments: object, timeout: float) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)


@pytest.fixture(scope="session")
def attune() -> Attune:
    """The command line."""
    return Attune()


@pytest.fixture(scope="module")
def home(server_dir: Path, attune: Attune, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A running home of this module's own; ended and its processes gone after it."""
    folder = server_dir / f"home-{request.module.__name__.rsplit('.', 1)[-1]}"
    attune("up", "--detach", "--home", folder)
    yield folder
    faults = run_apart(said_in(Home.at(folder)))
    attune("down", "--home", folder)
    assert faults == []


async def said_in(home: Home) -> list[str]:
    """What is wrong with the events that a home's services have said: up to 5,000 of each type are held to it."""
    recorder = EventRecorder()
    port = home.state().get("ports", {}).get("postgres")
    for service in SERVICES:
        user = f"{service}_owner"
        try:
            connection = await asyncpg.connect(
                f"postgresql://{user}:{home.password(f'pg.{user}')}@127.0.0.1:{port}/{service}", timeout=5
            )
        except OSError:  # a test has ended the home already
            return []
        await hold_outbox(recorder, connection, service, of_each_type=5_000)
        await connection.close()
    return sorted(set(recorder.faults()))


CUSTOMERS = 300


@dataclass(frozen=True)
class LivingBank:
    """A running home with a small bank in it, as its front ends find it: one address, and a token for each caller."""

    home: Home
    files: BankFiles
    url: str

    def token(self, role: str, branch: str | None = None, customer: UUID | None = None) -> str:
        """An access token as the bank's issuer gives it."""
        return issue_token(self.home, role, branch, customer=customer)[0]

    def as_(self, role: str, branch: str | None = None, customer: UUID | None = None) -> AttuneClient:
        """The typed client of one caller."""
        return AttuneClient(self.url, self.token(role, branch, customer))

    @property
    def today(self) -> date:
        """The business day after the ledger's last one."""
        return self.files.last_day + timedelta(days=1)

    def posting(self, row: int, name: str, amount: str = "5000000.00") -> schemas.PostingIn:
        """A deposit of a customer of the bank, above anybody's average."""
        return schemas.PostingIn(
            posting_id=f"{name}-{row}",
            account_id=str(self.files.truth().account[row]),
            business_date=self.today,
            booked_at=datetime.combine(self.today, time(2), UTC),
            direction="credit",
            amount=amount,
            currency="CNY",
            kind="transfer_in",
        )

    def customer(self, row: int) -> UUID:
        """Attune's id of a customer of the bank."""
        return customer_id("demo", str(self.files.truth().cif[row]))

    async def settle(self) -> None:
        """Wait until everything that was said has been applied."""

        def wait() -> None:
            with Client(self.home) as operator:
                operator.settle()

        await asyncio.to_thread(wait)


@pytest.fixture(scope="session")
def living_bank(attune: Attune, server_dir: Path) -> Iterator[LivingBank]:
    """One small bank for all journeys: imported, keyed state at its last day, half of the customers held out."""
    home = server_dir / "home-living"
    attune("up", "--detach", "--home", home)
    files = generate(server_dir / "living-bank", CUSTOMERS, 3)
    attune("import", "--home", home, "--mapping", "mappings/demo.yaml", files.folder)
    with Client(Home.at(home)) as operator:
        campaign = operator.get("/v1/campaigns/large-deposit")
        kept = {name: campaign[name] for name in ("version", "outcome_kinds", "window_business_days")}
        operator.put("/v1/campaigns/large-deposit", kept | {"control_share": 0.5})
        url = operator.url
    last = files.last_day.isoformat()
    attune("replay", "--home", home, "--from", last, "--to", last)
    living = LivingBank(Home.at(home), files, url)
    with Client(living.home) as operator:  # it is the next morning, when people may be called
        operator.post("/v1/clock:advance", {"to": f"{living.today.isoformat()}T09:30:00+08:00"})
        operator.settle()
    yield living
    faults = run_apart(said_in(living.home))
    attune("down", "--home", home)
    assert faults == []


@pytest.fixture(scope="session")
def berka() -> Path:
    """The folder of the real Czech bank, or the reason why this test is skipped."""
    folder = REAL_DATA / "berka"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist (set ATTUNE_REAL_DATA)")
    return folder
