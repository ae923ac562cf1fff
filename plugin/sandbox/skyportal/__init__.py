"""The stand-in for SkyPortal: its tables, its views of them, its API."""
