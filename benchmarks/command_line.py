"""What every benchmark is asked with, and how it tells its figures."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import structlog
from benchmarks.machine import machine


def options(description: str | None) -> argparse.ArgumentParser:
    """The options that all have: how large, and how it is told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", type=Path, help="where a benchmark keeps what it needs; most keep nothing")
    return parser


def read(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line; from now on stdout carries the result alone."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return parser.parse_args()


def tell(figures: dict[str, Any], closing: str, *, as_json: bool) -> None:
    """Write the figures with the machine they are of, for a reader with one closing line."""
    sys.stdout.write(json.dumps(figures | {"machine": machine()}, indent=None if as_json else 1) + "\n")
    if not as_json:
        sys.stdout.write(f"{closing}\n")
