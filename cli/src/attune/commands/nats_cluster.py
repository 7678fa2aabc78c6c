"""A bank's own NATS: `attune nats-users`, each with its own key and the least rights (P-26), and its streams."""

import asyncio
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
    app.command("nats-streams")(nats_streams)


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


def nats_streams(
    url: Annotated[str, typer.Argument(help="The server's address, e.g. tls://nats.bank.example:4222.")],
    folder: Annotated[Path, typer.Argument(help="Where `attune nats-users` has put the seeds.")],
    replicas: Annotated[int, typer.Option(min=1, max=5, help="On how many servers of the cluster each lies.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Make the streams of a NATS server, or bring them up to date: before the first start and each upgrade."""
    from nats.errors import Error as NatsError

    from attune.streams import make_streams
    from attune_service_kit.nats_rights import PROVISION_USER
    from attune_service_kit.streams import STREAMS

    if not (folder / f"{PROVISION_USER}.seed").exists():
        raise Failure(f"{folder} has no {PROVISION_USER}.seed: `attune nats-users {folder}` makes it")
    try:
        asyncio.run(make_streams(url, _seed(folder, PROVISION_USER), replicas))
    except (NatsError, OSError, ValueError) as error:
        raise Failure(f"{url}: {error or type(error).__name__}") from error
    result = {"streams": list(STREAMS), "replicas": replicas}
    print_result(result, as_json, f"{url}: {', '.join(STREAMS)}, replicas {replicas}")


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
