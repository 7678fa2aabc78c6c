"""Peers have environments of their own: `python -m benchmarks.peers.environments [NAME...]` makes them.

They lie in `.cache/peers` of the source tree, or in the folder that ATTUNE_PEERS names. A benchmark skips a peer whose
environment is not there.
"""

import os
import subprocess
import sys
from pathlib import Path

PINS = {
    "mlserver": ("mlserver==1.7.1", "onnxruntime==1.32.0"),
    "bentoml": ("bentoml==1.4.40", "onnxruntime==1.32.0", "uvloop", "httptools"),
    "litserve": ("litserve==0.2.19", "onnxruntime==1.32.0", "pyzmq"),
    "faststream": ("faststream[nats]==0.7.8", "asyncpg==0.32.0", "orjson"),
    "opentelemetry": ("opentelemetry-instrumentation-fastapi==0.66b2",),
    "pyflink": ("apache-flink==2.3.0",),
    "pyspark": ("pyspark==4.3.0", "onnxruntime==1.32.0", "pandas", "pyarrow"),
}


def folder() -> Path:
    """Where the environments lie."""
    return Path(os.environ.get("ATTUNE_PEERS") or Path(__file__).parents[2] / ".cache" / "peers")


def python_of(name: str) -> str | None:
    """The interpreter of a peer's environment; None where it is not installed."""
    python = folder() / name / "bin" / "python"
    return str(python) if python.exists() else None


def packages_of(name: str) -> Path | None:
    """The folder of an environment's packages; None where it is not installed."""
    return next((folder() / name).glob("lib/python*/site-packages"), None)


def main() -> None:
    """Make the environments that are named, or all."""
    failed = []
    for name in sys.argv[1:] or PINS:
        place = folder() / name
        made = subprocess.run([sys.executable, "-m", "venv", str(place)], check=False)
        done = made.returncode or subprocess.call([place / "bin" / "python", "-m", "pip", "install", "-q", *PINS[name]])
        sys.stdout.write(f"{name}: {'failed' if done else 'installed'}\n")
        failed += [name] if done else []
    sys.exit(f"not installed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
