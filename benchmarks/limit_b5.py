"""B5's limit: ONNX Runtime over a Parquet file, two one-thread sessions a model, the next rows read meanwhile.

`python -m benchmarks.limit_b5 FEATURES MODELS OUT` (models with commas) prints its seconds, its CPU seconds and its
memory. It writes who and five scores, and neither checks nor says anything.
"""

import json
import os
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

import numpy as np
import onnxruntime
import pyarrow as pa
from benchmarks.limit_b2 import session
from benchmarks.machine import peak_mb
from benchmarks.model_rows import NAMES
from pyarrow import parquet

BATCH = 50_000


def score(source: str, models: list[str], target: str) -> None:
    """Score a file."""
    cores = os.cpu_count() or 1
    sessions = deque([session(model) for model in models] for _ in range(cores))

    def work(batch: pa.RecordBatch) -> pa.Table:
        mine = sessions.popleft()
        try:
            return _scored(mine, batch)
        finally:
            sessions.append(mine)

    schema = pa.schema([("customer_id", pa.string()), *((f"score_{i}", pa.float32()) for i, _ in enumerate(models))])
    with (
        parquet.ParquetFile(source) as file,
        parquet.ParquetWriter(target, schema) as writer,
        ThreadPoolExecutor(cores) as pool,
    ):
        under_way = deque[Future[pa.Table] | None]()
        for batch in chain(file.iter_batches(BATCH, columns=["customer_id", *NAMES]), [None] * cores):
            under_way.append(None if batch is None else pool.submit(work, batch))
            if len(under_way) > cores and (first := under_way.popleft()) is not None:
                writer.write_table(first.result())


def _scored(sessions: list[onnxruntime.InferenceSession], batch: pa.RecordBatch) -> pa.Table:
    values = np.empty((len(batch), len(NAMES)), dtype=np.float32)
    for column, name in enumerate(NAMES):
        values[:, column] = batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    told = [each.run([each.get_outputs()[0].name], {each.get_inputs()[0].name: values})[0][:, 1] for each in sessions]
    names = ["customer_id", *(f"score_{i}" for i in range(len(told)))]
    return pa.table([batch.column("customer_id"), *map(pa.array, told)], names=names)


def main() -> None:
    """Score, and say what it took."""
    source, models, target = sys.argv[1:]
    before, started = time.process_time(), time.perf_counter()
    score(source, models.split(","), target)
    told = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - before}
    sys.stdout.write(json.dumps(told | {"peak_mb": peak_mb()}) + "\n")


if __name__ == "__main__":
    main()
