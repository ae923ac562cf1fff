"""Trials of the service against the embedded marshal: killed at random moments, and with much to do at once."""
