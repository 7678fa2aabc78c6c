"""Attune's service kit: how a service talks, stores, fails and is watched."""
