"""How the bank of matches is chosen, and what is fitted and calibrated on it."""
