"""What scoring computes in child processes (X29): the only modules that import duckdb, pyarrow and the trainer."""
