"""Options that every command takes."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The home's directory (or ATTUNE_HOME).", show_default=".attune", envvar=[]),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, progress on stderr.")]
