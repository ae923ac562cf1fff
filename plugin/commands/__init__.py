"""The service's commands, one module per subject. Each has `register(app)`."""
