"""Keeping calibrated: watching for drift, and calibrating on one's own answers under guard."""
