"""Attune customer-360: who is this?."""
