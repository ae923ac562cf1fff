"""The Transient Name Server, reading only."""
