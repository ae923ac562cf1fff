"""Redshift, phase and subtype from archive spectra that match (Tonry & Davis 1979; Blondin & Tonry 2007)."""
