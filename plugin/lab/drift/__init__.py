"""How soon drift is noticed, how seldom without one, and what recalibration mends: on real spectra."""
