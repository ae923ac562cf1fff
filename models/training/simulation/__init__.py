"""Learning the simulator's summary from real spectra."""
