"""`attune nats-users`: the users of a NATS cluster, each with its own key and the least rights (P-26)."""

import os
from pathlib import Path
from typing import Annotated

import orjson
import typer

from attune.commands.options import JsonOption
from attune.output import Failure, print_result
from attune.processes import SERVICES
from attune_service_kit.nkeys import new_seed, public_key


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("nats-users")(nats_users)


def nats_users(
    folder: Annotated[Path, typer.Argument(help="Where the secret seeds lie: <user>.seed, made where missing.")],
    as_json: JsonOption = False,
) -> None:
    """Print the block `authorization` for a NATS server's configuration: public keys and rights, no secret."""
    # nats-py takes a third of a second to import, which no other command needs.
    from attune_service_kit.nats_rights import LEDGER_USER, PROVISION_USER, entry

    users = [entry(name, public_key(_seed(folder, name))) for name in (*SERVICES, LEDGER_USER, PROVISION_USER)]
    block = {"authorization": {"users": users}}
    print_result(block, as_json, orjson.dumps(block, option=orjson.OPT_INDENT_2).decode())


def _seed(folder: Path, user: str) -> str:
    """The seed of a user; the first call makes it, readable by its owner only."""
    path = folder / f"{user}.seed"
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(new_seed() + "\n")
        seed = path.read_text().strip()
        public_key(seed)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{path} is {error}") from error
    return seed
