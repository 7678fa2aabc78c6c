"""One home: a directory that holds everything of one embedded Attune, so that two of them live side by side."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from attune.output import Failure
from attune_service_kit.crypto import new_kek
from attune_service_kit.nkeys import new_seed

Clock = Literal["wall", "events"]

DEFAULT_HOME = Path(".attune")
FIRST_GATEWAY_PORT = 8080


@dataclass(frozen=True)
class Home:
    """Paths and lasting choices of one home. Nothing here starts a process."""

    root: Path

    @classmethod
    def at(cls, given: Path | None) -> "Home":
        """Return the home of `--home`, else of ATTUNE_HOME, else `.attune/` below the current folder."""
        chosen = (given or Path(os.environ.get("ATTUNE_HOME") or DEFAULT_HOME)).expanduser().resolve()
        if chosen.exists() and not chosen.is_dir():
            raise Failure(f"{chosen} is no folder: choose another --home")
        return cls(chosen)

    @property
    def keys(self) -> Path:
        """Signing keys and passwords: never in a backup unless asked for (X25)."""
        return self.root / "keys"

    @property
    def kek_file(self) -> Path:
        """The key that wraps the services' keys: without it names, phones and documents cannot be read again."""
        return self.keys / "kek"

    @property
    def data(self) -> Path:
        """PostgreSQL's and NATS's files."""
        return self.root / "data"

    @property
    def lake(self) -> Path:
        """The root of the Parquet lake."""
        return self.root / "lake"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "logs"

    @property
    def cards(self) -> Path:
        """The models' cards, HTML pages."""
        return self.root / "cards"

    @property
    def scratch(self) -> Path:
        """Temporary files; may be deleted while nothing runs."""
        return self.root / "scratch"

    @property
    def state_file(self) -> Path:
        """Who runs here: written by the supervisor, removed when it has stopped."""
        return self.root / "run" / "state.json"

    def create(self, clock: Clock | None = None) -> None:
        """Make the folders, the passwords and the configuration of a new home; keep those of an old one."""
        for folder in (self.root, self.data, self.lake, self.logs, self.scratch, self.state_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.keys.mkdir(mode=0o700, exist_ok=True)
        config = self.config()
        if not config:
            config = {"clock": clock or "events", "zone": "Asia/Shanghai"}
            if not self.kek_file.exists():
                self._draft(self.kek_file, new_kek(), mode=0o600)
            self._write(self.root / "config.json", config)
        elif clock and config["clock"] != clock:
            raise Failure(
                f"{self.root} was made with the clock '{config['clock']}' and a home keeps its clock: "
                f"choose another --home for '{clock}'"
            )

        if not self.kek_file.exists():
            raise Failure(
                f"{self.kek_file} is missing: put it back from where you keep it. Without it the names, phones and "
                "documents of this home cannot be read; a home from before encryption must be made and imported anew"
            )

    def config(self) -> dict[str, Any]:
        """Return the lasting choices of this home, {} before the first start."""
        return self._read(self.root / "config.json")

    def password(self, name: str) -> str:
        """Return the password of that name; the first call makes it."""
        path = self.keys / "passwords.json"
        known = self._read(path)
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            self._write(path, known, mode=0o600)
        return str(known[name])

    def nats_seed(self, user: str) -> str:
        """Return the NKey seed of a NATS user; the first call makes it."""
        path = self.keys / "nats.json"
        known = self._read(path)
        if user not in known:
            known[user] = new_seed()
            self._write(path, known, mode=0o600)
        return str(known[user])

    def set_password(self, name: str, value: str) -> None:
        """Give a secret a chosen value: before the first start only."""
        path = self.keys / "passwords.json"
        self._write(path, self._read(path) | {name: value}, mode=0o600)

    def add_kek(self) -> None:
        """Put a newer key above the one that wraps; where a change that broke off has done so, that one stays."""
        lines = self.kek_file.read_text().split()
        if len(lines) == 1:
            self._draft(self.kek_file, "\n".join([new_kek(), *lines]), mode=0o600)

    @property
    def former_keks(self) -> Path:
        """The keys that wrapped before, the newest first: backups of their time need them, and nothing else does."""
        return self.keys / "kek.former"

    def keep_newest_kek(self) -> None:
        """Put the older keys aside: everything is wrapped by the newest."""
        newest, *older = self.kek_file.read_text().split()
        former = self.former_keks.read_text().split() if self.former_keks.exists() else []
        aside = dict.fromkeys([*older, *former])
        self._draft(self.former_keks, "\n".join(aside), mode=0o600)
        self._draft(self.kek_file, newest, mode=0o600)

    def state(self) -> dict[str, Any]:
        """Return what the running supervisor wrote, {} if none has."""
        return self._read(self.state_file)

    def write_state(self, state: dict[str, Any]) -> None:
        """Record who runs here."""
        self._write(self.state_file, state, mode=0o600)

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        try:
            return dict(json.loads(path.read_text()))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Failure(f"{path} is damaged ({error}): remove it and start again") from error

    @staticmethod
    def _write(path: Path, value: dict[str, Any], mode: int = 0o644) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Home._draft(path, json.dumps(value, indent=1), mode)

    @staticmethod
    def _draft(path: Path, text: str, mode: int) -> None:
        """Write a file as a whole or not at all; it outlives a loss of power, as what its key has wrapped does."""
        draft = path.with_name(path.name + ".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
