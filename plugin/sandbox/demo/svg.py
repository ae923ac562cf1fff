"""The picture of one of the demo's spectra."""

import numpy as np
from markupsafe import Markup

from plugin.cycle.spectra.sketch import numbers
from plugin.sandbox.demo.look import Look
from plugin.web.look.spectrum import draw as draw_spectrum


def draw(look: Look) -> Markup:
    """The picture, with a text for those who cannot see it."""
    label = look.report.verdict.label if look.report.verdict else None
    wave, flux = numbers(look.wavelength_A, look.flux)
    span = f"{wave.min():.0f} to {wave.max():.0f} Angstrom" if wave.size else "no usable points"
    alt = f"Flux against wavelength of spectrum {look.report.spectrum_id}, {span}. {look.why}."
    return draw_spectrum(np.asarray(wave), np.asarray(flux), label=label, redshift=look.target.redshift, alt=alt)
