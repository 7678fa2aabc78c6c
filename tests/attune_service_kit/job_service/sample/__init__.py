"""A service that has jobs, as an importable package: its children run `python -m sample.job`."""
