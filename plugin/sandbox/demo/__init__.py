"""The demo: an embedded marshal with simulated spectra, two cycles of the real service, one page to look at."""
