"""Analyses that somebody asks for with SkyPortal's Analysis button: what was asked, what is answered, and where to."""
