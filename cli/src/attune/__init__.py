"""Attune's one command: up, demo, import, replay, train, token."""
