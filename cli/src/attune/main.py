"""The one command: `attune`. Each command has a module in `attune.commands`."""

import typer

from attune.commands import (
    backtest,
    bank_data,
    bench,
    bringing,
    demo,
    eventing,
    imports,
    keys,
    lifecycle,
    models,
    nats_users,
    nightly,
    registry,
    tokens,
    triggers,
)
from attune.output import Failure, fail

app = typer.Typer(
    name="attune",
    help="Attune: turns a bank's ledger into the right conversation, and proves what it earned.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for module in (
    lifecycle,
    demo,
    imports,
    bank_data,
    eventing,
    models,
    registry,
    bringing,
    triggers,
    nightly,
    backtest,
    tokens,
    keys,
    nats_users,
    bench,
):
    module.register(app)


def main() -> None:
    """Run the command; a Failure becomes one clear line and exit code 1."""
    try:
        app()
    except Failure as failure:
        fail(str(failure))
    except KeyboardInterrupt:
        fail("interrupted")


if __name__ == "__main__":
    main()
