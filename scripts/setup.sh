#!/usr/bin/env bash
# Make the environment: a venv, uv from a hashed lock, everything else from a hashed lock, then the workspace's own packages.
# usage: setup.sh PYTHON VENV runtime|dev PACKAGE...
set -euo pipefail
python=$1 venv=$2 kind=$3
shift 3

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

command -v "$python" >/dev/null || fail "$python is not installed (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.11)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed, $("$python" --version 2>&1) was found (choose another with make PYTHON=python3.12 …)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv module is missing (Debian, Ubuntu: apt install python3-venv)"
if [ "$(uname -s)" = Linux ]; then
    "$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || fail "libgomp is missing, which the trainer needs (Debian, Ubuntu: apt install libgomp1)"
fi

lock=requirements.lock
[ "$kind" = dev ] && lock=requirements-dev.lock
if [ ! -x "$venv/bin/python" ]; then
    printf 'setup: making %s\n' "$venv"
    "$python" -m venv "$venv"
fi
if [ ! -x "$venv/bin/uv" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock 2> >(grep -v 'is ignored: it is neither' >&2)
fi
printf 'setup: installing %s (the first time downloads about 600 MB)\n' "$lock"
export UV_PYTHON="$venv/bin/python"
# Banks' networks have authorities of their own: trust what the machine trusts.
export UV_SYSTEM_CERTS=1
"$venv/bin/uv" pip install --quiet --no-deps --require-hashes -r "$lock"
editable=()
for package in "$@"; do editable+=(-e "$package"); done
"$venv/bin/uv" pip install --quiet --no-deps --no-build-isolation "${editable[@]}"
printf 'setup: %s is ready\n' "$venv"
