"""Notes about real data that no model learned from, as examples."""
