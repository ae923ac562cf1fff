"""Simulated spectra that look like real ones: a small generative summary learned on real spectra, and draws from it.

Everything drawn here is simulated and has to be called so wherever it shows.
"""

from models.simulation.draw import SimulatedSpectrum, draw, draw_again
from models.simulation.summary import Summary, load

__all__ = ["SimulatedSpectrum", "Summary", "draw", "draw_again", "load"]
