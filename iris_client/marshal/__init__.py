"""SkyPortal and Fritz over REST, and spectra over GraphQL."""
