"""Training material, training and figures of NEEDLE's models."""
