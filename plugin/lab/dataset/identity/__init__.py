"""Which spectra are copies, which names are one object, and on which side of a split each object stands."""
