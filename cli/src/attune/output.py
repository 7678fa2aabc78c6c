"""What a command prints: one JSON object on stdout with --json, everything for people on stderr or the terminal."""

import json
import sys
from typing import Any, NoReturn

from rich.console import Console

# Progress and tables: stderr, so that stdout carries the result alone.
console = Console(stderr=True, highlight=False)


class Failure(Exception):
    """A command cannot go on: one clear line that says what to do, and exit code 1."""


def print_result(result: dict[str, Any], as_json: bool, text: str | None = None) -> None:
    """Print the command's result: the JSON object, or the text for people."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, default=str) + "\n")
    elif text is not None:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def waits_for_another(answer: dict[str, Any], service: str) -> str | None:
    """What to say where the answer is a proposal, which a second person has to approve; None where it was done."""
    if "maker" not in answer:
        return None
    return f"another person has to approve this first: proposal {answer['id']} of {service}"


def reason(error: Exception) -> str:
    """Why a file cannot be read or written: the system's words, without its number and the file's name."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def fail(message: str) -> NoReturn:
    """End the command with one clear line on stderr."""
    sys.stderr.write(f"attune: {message}\n")
    raise SystemExit(1)
