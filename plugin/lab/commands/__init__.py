"""The laboratory's commands, one module per subject. Each has `register(app)`."""
