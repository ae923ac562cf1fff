"""Analyses that somebody asked for."""

from plugin.store.analyses.requests import ANSWERED, Analyses, Analysis, Service, key_of

__all__ = ["ANSWERED", "Analyses", "Analysis", "Service", "key_of"]
