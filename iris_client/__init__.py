"""Clients of the outside world: marshal, brokers, TNS; quality control and taxonomy of what comes in."""
