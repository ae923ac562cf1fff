"""How bright the classes are, measured on labelled light curves, and what that adds to a spectrum."""
