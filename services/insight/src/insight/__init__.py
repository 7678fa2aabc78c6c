"""Attune insight: what are they worth, what works?."""
