"""Heavy work of eventing, each in a process of its own (X29)."""
