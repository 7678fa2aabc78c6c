"""Every test may use the kit's fixtures: real PostgreSQL, real NATS."""

pytest_plugins = ["attune_service_kit.testing"]
