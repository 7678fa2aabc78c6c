"""One module per family of commands: each registers its own on the application."""
