"""Conformal prediction: sets and p-values that hold as far as the calibration set resembles what comes."""
