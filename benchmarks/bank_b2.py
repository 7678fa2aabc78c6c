"""Let scoring have a model: `python -m benchmarks.bank_b2 FILE` writes its ONNX there, too."""

import asyncio
import hashlib
import sys
from pathlib import Path

from benchmarks.model_rows import NAMES
from benchmarks.models import spec, trained

from attune_service_kit.lifecycle import make_runtime, running
from scoring import registry
from scoring.app import SERVICE


async def register(onnx: bytes) -> None:
    """Register the model and let it answer."""
    runtime = make_runtime(SERVICE, SERVICE.settings(), "app")
    async with running(runtime), runtime.database.transaction() as tx:
        digest = hashlib.sha256(onnx).hexdigest()
        await registry.register(tx, spec(1).about, onnx=onnx, sha256=digest, features=NAMES, metrics={}, card={})
        await registry.promote(tx, spec(1).model, 1)


def main() -> None:
    """Train, write, register."""
    onnx, _ = trained(1)
    Path(sys.argv[1]).write_bytes(onnx)
    asyncio.run(register(onnx))


if __name__ == "__main__":
    main()
