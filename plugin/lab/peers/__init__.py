"""Other programs on the same spectra, side by side with ours in one run."""
