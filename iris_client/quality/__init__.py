"""Quality control: which spectra the classifier may see, and why not the others."""
