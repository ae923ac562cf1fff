"""Bundles of the spectral classifier: making them, and their figures as pages and pictures."""
