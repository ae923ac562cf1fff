"""Names of types: those of the archives, ours, and SkyPortal's."""
