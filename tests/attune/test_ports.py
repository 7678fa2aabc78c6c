"""Homes that start in the same moment serve on ports of their own."""

import socket
import subprocess
import sys

import pytest

from attune.output import Failure
from attune.ports import claim_port, free_ports

CLAIM = "import sys; from attune.ports import claim_port; print(claim_port(int(sys.argv[1])), flush=True); input()"
FIRST = 27301


def test_two_homes_do_not_find_the_same_port() -> None:
    """Neither has bound anything yet; the claim ends with its process."""
    argv = [sys.executable, "-c", CLAIM, str(FIRST)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        taken = int(other.stdout.readline())
        assert claim_port(taken) != taken
        other.communicate("\n")
    assert claim_port(taken) == taken


def test_a_port_in_use_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert claim_port(taken) != taken


def test_a_port_that_was_asked_for_is_taken_or_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(Failure, match=f"port {taken} is not free on 127.0.0.1: choose another"):
            claim_port(taken, among=1)


def test_no_port_is_found_twice() -> None:
    found = free_ports(500)
    assert len(set(found)) == 500
    assert not set(found) & set(free_ports(500, besides=found))
