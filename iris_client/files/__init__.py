"""Spectra from files of several kinds."""
