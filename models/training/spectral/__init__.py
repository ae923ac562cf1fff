"""Training of the spectral classifier, and what its parts are worth."""
