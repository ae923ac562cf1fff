"""Is the stream of answers still like the spectra that they were calibrated on? Sequential tests, numpy alone."""
