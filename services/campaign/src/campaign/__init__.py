"""Attune campaign: what do we do, and may we?."""
