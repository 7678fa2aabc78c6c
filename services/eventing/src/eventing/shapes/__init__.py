"""The eight shapes: a state and its judgement each, as docs/reference/triggers.md says. Pure."""
