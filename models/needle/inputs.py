"""What the metadata model sees: Table 1 of the light curve, its shape, how well each class explains it; its host."""

from typing import Final

import numpy as np

from models.domain import Host
from models.needle.hosts import Galaxy
from models.needle.lightcurves import shape, templates
from models.needle.lightcurves.features import NAMES as TABLE_1
from models.needle.lightcurves.features import TRANSIENT, features, vector
from models.needle.lightcurves.lightcurve import EXTINCTION, Floats, Photometry
from models.needle.lightcurves.luminosity import REDSHIFT_RANGE, SPECTRUM_ERROR

NAMES: Final = (*TRANSIENT, *shape.NAMES, *templates.NAMES)
"""Columns of the light curve's inputs."""
_PEAKS: Final = [NAMES.index("m_peak_g"), NAMES.index("m_peak_r")]
_TRANSIENT: Final = [TABLE_1.index(name) for name in TRANSIENT]
USUAL_COLOUR: Final = 0.6  # g - r of a galaxy whose r or g is not known
PHOTO_Z_LIMIT_MAG: Final = 20.0
"""Photometric redshifts of fainter galaxies are left out: hosts there are dwarfs, nearer than what the surveys' methods
learned from, so that a SN Ia comes out as bright as a SLSN. With all of them SLSNe-I are told worse out of fold than
with none."""


def light_curve_inputs(points: Photometry, bank: templates.Bank, *, own: int = -2) -> Floats:
    """The inputs of detections that are not empty, in the order of `NAMES`; NaN where missing.

    Parameters
    ----------
    own : int
        Owner of draws that are not to be used, for objects that the bank was made from.
    """
    kept = shape.trusted(points)
    table = vector(features(points, None))[_TRANSIENT]
    return np.concatenate([table, shape.shape(kept), templates.evidence(kept, bank, own=own)])


def brightest(x: Floats) -> Floats:
    """The brightest magnitude so far, g or r, from rows of inputs."""
    return np.asarray(np.fmin(x[..., _PEAKS[0]], x[..., _PEAKS[1]]))


def galaxy(host: Host | None, ebv_mag: float) -> Floats:
    """What is known of a host, without Milky Way extinction, in the order of `hosts.Galaxy`; NaN where missing."""
    out = np.full(len(Galaxy), np.nan)
    if host is None:
        return out
    g, r = (host.mags.get(band, np.nan) - ebv_mag * EXTINCTION[band] for band in ("g", "r"))
    out[Galaxy.R] = r if np.isfinite(r) else g - USUAL_COLOUR
    out[Galaxy.GR] = g - r
    if host.separation_arcsec is not None:
        out[Galaxy.LOG_OFFSET] = np.log(np.clip(host.separation_arcsec, 0.05, 30.0))
    z, error = host.redshift, host.redshift_error or 0.0
    certain = error <= SPECTRUM_ERROR or out[Galaxy.R] < PHOTO_Z_LIMIT_MAG
    if z is not None and certain and REDSHIFT_RANGE[0] < z < REDSHIFT_RANGE[1]:
        out[Galaxy.Z], out[Galaxy.Z_ERROR] = z, error
    return out
