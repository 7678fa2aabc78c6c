"""Attune eventing: what has just happened?."""
