"""The command line, one module per subject. Each has `register(app)`."""
