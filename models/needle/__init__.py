"""NEEDLE: superluminous supernovae and tidal disruption events from images, light curves and hosts (second paper)."""
