"""The handlers of the stand-in for SkyPortal, one module per subject."""
