"""Attune's events and datasets: what is said between services."""
