"""The stand-in for the Transient Name Server."""
