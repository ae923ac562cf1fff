"""Fitting of the anomaly layer, and its leakage-free protocol."""
