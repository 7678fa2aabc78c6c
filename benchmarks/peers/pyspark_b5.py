"""B5's peer: PySpark, the same ONNX models in a pandas UDF over the same Parquet file.

`python pyspark_b5.py FEATURES MODELS OUT NAMES` (with commas) prints its seconds from the session's start on. Tuned as
its documentation says: local, as many tasks as cores, Arrow in large batches, one set of one-thread sessions a Python
worker, no console.
"""

# mypy: ignore-errors

import json
import os
import sys
import time

import numpy as np
import onnxruntime
import pandas as pd
from pyspark.sql import SparkSession

CORES = os.cpu_count() or 1


def scorer(models, names):
    """What every task does with its rows."""

    def score(frames):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        sessions = [onnxruntime.InferenceSession(m, options, providers=["CPUExecutionProvider"]) for m in models]
        asked = [(s, s.get_inputs()[0].name, [s.get_outputs()[0].name]) for s in sessions]
        for frame in frames:
            values = frame[names].to_numpy(dtype=np.float32, na_value=np.nan)
            told = {f"score_{i}": s.run(out, {into: values})[0][:, 1] for i, (s, into, out) in enumerate(asked)}
            yield pd.DataFrame({"customer_id": frame["customer_id"], **told})

    return score


def main():
    """Score, and say what it took."""
    source, models, target, names = sys.argv[1:]
    spark = (
        SparkSession.builder.master(f"local[{CORES}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.files.maxPartitionBytes", "16m")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "50000")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    spark.range(1).count()  # whatever is loaded at first use
    started, names, models = time.perf_counter(), names.split(","), models.split(",")
    schema = "customer_id string, " + ", ".join(f"score_{i} float" for i, _ in enumerate(models))
    rows = spark.read.parquet(source).select("customer_id", *names)
    rows.mapInPandas(scorer(models, names), schema).write.mode("overwrite").parquet(target)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started}) + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
