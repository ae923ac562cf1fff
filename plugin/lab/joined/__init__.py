"""Spectrum and source as one probability: objects with both, the laws of the evidence, powers, figures, the page."""
