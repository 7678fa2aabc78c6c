"""Attune's condition language: one definition with its own semantics, the same answer wherever it runs (X33). Pure."""
