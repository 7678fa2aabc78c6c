"""The HTTP edge of eventing."""
