"""Calibration on one's own answers whose truth is known, under guard: proposed, checked, and only then adopted."""
