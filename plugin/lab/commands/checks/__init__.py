"""Commands that look into what a model learned and learned from. Each has `register(app)`."""
