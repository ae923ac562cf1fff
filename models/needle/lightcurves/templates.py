"""How well a light curve is explained as a SN Ia, a core-collapse SN, a SLSN-I or a TDE: marginal likelihoods.

A parametric light curve (a peak with two widths, a rise exponent, a colour that changes at one rate before the peak
and at another after it) is fitted to every training object (`fit`). Draws from those parameters, scattered so that no
object is stored as it is, make the `Bank`. The evidence of a class is the mean likelihood over its draws, over when the
peak was or will be, and over a magnitude offset. Nothing but cleaned g and r detections goes in.

One detection gives evidence near one for every class, many give much: what single features cannot say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from models.needle.lightcurves.lightcurve import Floats, Photometry, peak_mjd

GROUPS: Final = ("Ia", "CC", "SLSN", "TDE")
NAMES: Final = (
    *(f"evidence_{g}" for g in GROUPS[1:]),
    *(f"shape_evidence_{g}" for g in GROUPS[1:]),
    *(f"misfit_{g}" for g in GROUPS),
    *(f"to_peak_{g}" for g in GROUPS),
)
"""Log evidence relative to SN Ia, with and without the apparent magnitude; reduced chi2 of the best draw; mean days
from now to the peak."""
PARAMETERS: Final = ("peak_mag", "log_rise", "log_fall", "exponent", "colour", "colour_before", "colour_after")
PRIOR_MEAN: Final = np.array([np.log(12.0), np.log(18.0), 1.7, 0.1, 0.0, 0.02])
PRIOR_SD: Final = np.array([0.7, 0.7, 0.3, 0.3, 0.02, 0.02])
LOWEST: Final = np.array([10.0, np.log(2.5), np.log(3.0), 1.2, -0.8, -0.1, -0.1])
HIGHEST: Final = np.array([21.5, np.log(120.0), np.log(200.0), 2.8, 1.5, 0.1, 0.15])
FALL_EXPONENT, HALF_WIDTH = 1.8, 0.543  # a Gaussian's magnitude at one sigma
UNTIL_PEAK_DAYS: Final = np.concatenate([np.arange(-12, 21), np.arange(22, 63, 2)])
"""Grid of the peak's date, counted from now."""
PAST_DAYS: Final = 80
GRID: Final = np.arange(-PAST_DAYS - UNTIL_PEAK_DAYS.max() - 1, -UNTIL_PEAK_DAYS.min() + 2)
FAINTEST: Final = 12.0
FLOOR_MAG: Final = 0.09
OFFSET_SD_MAG: Final = (0.4, 3.0)
FIT_AFTER_PEAK_DAYS: Final = 20.0


def relative(days: Floats, is_g: NDArray[np.bool_], p: Floats) -> Floats:
    """Magnitude relative to the r peak, at days from the peak; `p` are the parameters but the first."""
    before = days < 0
    width = np.exp(np.where(before, p[0], p[1]))
    curve = HALF_WIDTH * (np.abs(days) / width) ** np.where(before, p[2], FALL_EXPONENT)
    colour = np.clip(p[3] + np.where(before, p[4], p[5]) * days, -0.7, 2.0)
    return np.asarray(np.minimum(curve, FAINTEST) + is_g * colour)


def fit(points: Photometry) -> Floats | None:
    """Most probable parameters, in the order of `PARAMETERS`; None for fewer than three detections.

    What is later than 20 days after the peak is left out: nothing that late is ever asked about.
    """
    peak = peak_mjd(points) if len(points) else 0.0
    points = points.until(peak + FIT_AFTER_PEAK_DAYS)
    if len(points) < 3:
        return None
    is_g = points.band == "g"
    error = np.hypot(np.maximum(points.mag_error, 0.02), 0.06)

    def residuals(z: Floats) -> Floats:
        data = (points.mag - z[0] - relative(points.mjd - peak - z[1], is_g, z[2:])) / error
        return np.concatenate([data, (z[2:] - PRIOR_MEAN) / PRIOR_SD, [z[1] / 10.0]])

    low, high = (np.concatenate([[edge[0], side], edge[1:]]) for edge, side in ((LOWEST, -30.0), (HIGHEST, 30.0)))
    best = min(
        (
            least_squares(
                residuals,
                np.clip(np.concatenate([[points.mag.min(), shift], PRIOR_MEAN]), low + 1e-6, high - 1e-6),
                bounds=(low, high),
                loss="soft_l1",
                max_nfev=40,
            )
            for shift in (-4.0, 4.0)
        ),
        key=lambda found: float(found.cost),
    )
    return np.delete(best.x, 1)


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Draws of light-curve parameters.

    Parameters
    ----------
    parameters : ndarray, shape (n, 7)
        In the order of `PARAMETERS`.
    group : ndarray of int, shape (n,)
        Index in `GROUPS`.
    owner : ndarray of int, shape (n,)
        The object it was scattered from, so that no training object is compared with itself; -1 where forgotten.
    """

    parameters: Floats
    group: NDArray[np.int64]
    owner: NDArray[np.int64]

    @cached_property
    def tables(self) -> dict[str, NDArray[np.float32]]:
        """Relative magnitudes on `GRID` for each band."""
        days = GRID.astype(float)
        return {
            band: np.array(
                [relative(days, np.full(len(days), band == "g"), p[1:]) for p in self.parameters], np.float32
            )
            for band in ("g", "r")
        }


def scattered(
    fits: Sequence[tuple[int, int, Floats]],
    rng: np.random.Generator,
    *,
    copies: Sequence[int] = (1, 1, 1, 2),
    share: float = 0.25,
    most: Sequence[int] = (150, 250),
) -> Bank:
    """Draws from fitted parameters, each scattered by a share of its group's standard deviation.

    Parameters
    ----------
    fits : sequence of (int, int, ndarray)
        Owner, group, parameters.
    copies : sequence of int
        Draws for each fitted object of a group.
    most : sequence of int
        SN Ia and core-collapse SNe that are used, drawn at random; the others would add nothing but time.
    """
    group = np.array([g for _, g, _ in fits])
    spread = [np.std([p for _, g, p in fits if g == k], axis=0) if (group == k).any() else 0.0 for k in range(4)]
    left_out: set[int] = set()
    for k, enough in enumerate(most):
        mine = np.flatnonzero(group == k)
        left_out |= set(rng.permutation(mine)[enough:].tolist()) if len(mine) > enough else set()
    rows = [(o, g, p) for i, (o, g, p) in enumerate(fits) if i not in left_out for _ in range(copies[g])]
    drawn = np.array([p + share * spread[g] * rng.normal(size=len(p)) for _, g, p in rows])
    return Bank(
        parameters=np.clip(drawn, LOWEST, HIGHEST),
        group=np.array([g for _, g, _ in rows]),
        owner=np.array([o for o, _, _ in rows]),
    )


def evidence(points: Photometry, bank: Bank, *, own: int = -2) -> Floats:
    """The numbers of `NAMES` for detections that are not empty.

    Parameters
    ----------
    own : int
        Draws of this owner are not used.
    """
    points = points.where(points.mjd > points.mjd[-1] - PAST_DAYS)
    reference = float(points.mag.min())
    square, linear, weight = _sums(points, bank, reference)
    shift = (bank.parameters[:, 0] - reference).astype(np.float32)[:, None]
    with_mag = square - 2 * shift * linear + shift**2 * weight, linear - shift * weight
    logs = [
        -0.5 * (s - b**2 / (1 / sd**2 + weight))
        for (s, b), sd in zip((with_mag, (square, linear)), OFFSET_SD_MAG, strict=True)
    ]
    step = np.gradient(UNTIL_PEAK_DAYS.astype(float))
    misfit = (square - linear**2 / weight).min(1) / max(len(points) - 2, 1)
    of = [np.flatnonzero((bank.group == g) & (bank.owner != own)) for g in range(len(GROUPS))]
    by_group = [[_mean(log[rows], step) for rows in of] for log in logs]
    to_peak = [_mean_date(logs[0][rows], step) for rows in of]
    return np.array(
        [
            *(e - by_group[0][0] for e in by_group[0][1:]),
            *(e - by_group[1][0] for e in by_group[1][1:]),
            *(float(misfit[rows].min()) if len(rows) else np.nan for rows in of),
            *to_peak,
        ]
    )


def _sums(
    points: Photometry, bank: Bank, reference: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], np.float32]:
    """Sums of w r^2, w r and w over the detections, for every draw and date of the peak."""
    square = np.zeros((len(bank.group), len(UNTIL_PEAK_DAYS)), np.float32)
    linear = np.zeros_like(square)
    total = np.float32(0.0)
    for ago, band, mag, error in zip(
        points.mjd - points.mjd[-1], points.band, points.mag, points.mag_error, strict=True
    ):
        whole = int(np.floor(ago))
        part = np.float32(ago - whole)
        at = whole - UNTIL_PEAK_DAYS - int(GRID[0])
        table = bank.tables[str(band)]
        residual = np.float32(mag - reference) - ((1 - part) * table[:, at] + part * table[:, at + 1])
        w = np.float32(1.0 / (error**2 + FLOOR_MAG**2))
        square += w * residual**2
        linear += w * residual
        total += w
    return square, linear, total


def _mean(log: NDArray[np.float32], step: Floats) -> float:
    if not len(log):
        return float("nan")
    top = float(log.max())
    return top + float(np.log((np.exp(log - np.float32(top)) @ step.astype(np.float32)).mean() / step.sum() + 1e-30))


def _mean_date(log: NDArray[np.float32], step: Floats) -> float:
    if not len(log):
        return float("nan")
    weight = np.exp(log - log.max()).sum(0).astype(float) * step
    return float(weight @ UNTIL_PEAK_DAYS / weight.sum())
