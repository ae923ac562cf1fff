"""Which spectra are most like one: by their shape as observed, and by what the networks make of them."""

from models.similar.shelf import Found, Query, Shelf, Way

__all__ = ["Found", "Query", "Shelf", "Way"]
