"""How well a search for spectra like one finds what it should."""
