"""Attune scoring: how likely, and why?."""
