"""Checks of what NEEDLE learns from: inputs that say the same, up-sampled light curves, and which stamps are good."""
