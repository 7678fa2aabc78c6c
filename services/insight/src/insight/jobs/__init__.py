"""What insight computes in child processes (X29): the only modules that import duckdb."""
