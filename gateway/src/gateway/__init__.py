"""Attune gateway: who is asking?."""
