"""Learning the summary, offline: arrays of real spectra in, populations out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulation.grid import FloatArray, normalised, rest_grid, to_rest
from models.simulation.summary import Population, Summary
from models.training.simulation.pca import principal_components

MOST_SPECTRA, MOST_KEPT, COMPONENTS = 400, 80, 8
# Stripped-envelope spectra of unknown phase with a higher peak than this are nebular.
_HIGHEST = {"SN Ibc/Ib": 2.6, "SN Ibc/Ic": 2.6, "SN II/IIb": 2.6}
_RED = int(np.searchsorted(rest_grid(), 5600.0))
_WORST_SHARE = 0.06
_PER_OBJECT = 3
_PER_OBJECT_IF_FEW, _FEW_SPECTRA = 8, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A spectrum to learn from. `raw_type` is the source's own type text; `group` names the object."""

    wavelength_A: FloatArray
    flux: FloatArray
    label: str
    redshift: float
    group: str
    snr: float
    phase_days: float | None = None
    raw_type: str = ""
    recipe: str = ""
    semi_real: bool = False


Test = Callable[[Sample], bool]


def _phase(low: float, high: float) -> Test:
    return lambda s: s.phase_days is not None and low <= s.phase_days < high


def _phase_or_unknown(low: float, high: float) -> Test:
    return lambda s: s.phase_days is None or low <= s.phase_days < high


def _typed(*words: str, without: Sequence[str] = ()) -> Test:
    def wanted(s: Sample) -> bool:
        kind = s.raw_type.lower()
        return any(w in kind for w in words) and not any(w in kind for w in without)

    return wanted


def _made(*words: str, without: Sequence[str] = ()) -> Test:
    """By the recipe of a semi-real spectrum; those made at low resolution have lost their lines already."""
    lost = ("SEDM-like", *without)
    return lambda s: any(w in s.recipe for w in words) and not any(w in s.recipe for w in lost)


def _both(first: Test, second: Test) -> Test:
    return lambda s: first(s) and second(s)


_PLAIN_II = _typed("ii", without=("iin", "iib", "pec"))
_PLATEAU = _typed("iip", "ii p", "iil", "ii l", without=("iin", "iib"))


def _on_plateau(s: Sample) -> bool:
    return _both(_phase(14, 110), _PLAIN_II)(s) or (s.phase_days is None and _PLATEAU(s))


POPULATIONS: Mapping[str, tuple[str, Test]] = {
    "SN Ia/early": ("SN Ia", _phase(-20, -5)),
    "SN Ia/max": ("SN Ia", _phase(-5, 6)),
    "SN Ia/after": ("SN Ia", _phase(6, 25)),
    "SN Ia/late": ("SN Ia", _phase(25, 70)),
    "SN Ibc/Ib": ("SN Ibc", _both(_phase_or_unknown(-25, 35), _typed("ib", without=("ibn", "ib/c", "iib")))),
    "SN Ibc/Ic": ("SN Ibc", _both(_phase_or_unknown(-25, 35), _typed("ic", without=("icn", "pec")))),
    "SLSN/I": ("SLSN", _both(_phase_or_unknown(-80, 25), _typed("slsn-i", "slsn-r", without=("slsn-ii",)))),
    "SN II/early": ("SN II", _both(_phase(-30, 14), _PLAIN_II)),
    "SN II/plateau": (
        "SN II",
        lambda s: _both(_phase(14, 110), _PLAIN_II)(s) or (s.phase_days is None and _PLATEAU(s)),
    ),
    "SN II/IIn": ("SN II", _typed("iin", without=("pec",))),
    "SN II/IIb": ("SN II", _both(_phase_or_unknown(-25, 35), _typed("iib"))),
    "AGN/broad-line": ("AGN", lambda s: not s.semi_real),
    "CV/quiescence": ("CV", _made("quiescence", without=("WD-dominated",))),
    "CV/outburst": ("CV", _made("outburst", without=("AM CVn",))),
    "TDE": ("TDE", _phase_or_unknown(-60, 120)),
}
"""Name of each population, its class, and which spectra of the class belong to it."""


def fit(samples: Sequence[Sample], provenance: Mapping[str, str], *, seed: int = 0) -> Summary:
    """Learn every population.

    Parameters
    ----------
    samples : sequence of Sample
        Training objects only: what is held out for tests must not be among them.
    provenance : mapping of str to str
        Goes into the file as it is.

    Raises
    ------
    ValueError
        If a population has too few spectra.
    """
    found = {}
    for name, (label, belongs) in POPULATIONS.items():
        chosen = [s for s in samples if s.label == label and belongs(s)]
        found[name] = _population(name, label, chosen, np.random.default_rng(seed))
    return Summary(populations=found, provenance=provenance)


def _population(name: str, label: str, samples: Sequence[Sample], rng: np.random.Generator) -> Population:
    kept, rows = _prepared(_fair(samples, rng), _HIGHEST.get(name, 12.0))
    if len(rows) < 12:
        raise ValueError(f"{name}: {len(rows)} usable spectra are too few")
    k = min(COMPONENTS, len(rows) // 4)
    first = principal_components(rows, k)
    good = np.flatnonzero(first.residual <= np.quantile(first.residual, 1 - _WORST_SHARE))
    parts = principal_components(rows[good], k)
    members = [kept[i] for i in good]
    typical = _typical(parts.coefficients)
    few = np.sort(rng.permutation(typical)[:MOST_KEPT])
    return Population(
        name=name,
        label=label,
        mean=parts.mean,
        vectors=parts.vectors,
        coefficients=parts.coefficients[few],
        redshift=np.array([members[i].redshift for i in few]),
        phase_days=np.array([_or_nan(members[i].phase_days) for i in few]),
        semi_real=any(s.semi_real for s in members),
        spectra=len(members),
        objects=len({s.group for s in members}),
    )


def _fair(samples: Sequence[Sample], rng: np.random.Generator) -> list[Sample]:
    """The best spectra, a few per object at most, so that no well-observed object is the population."""
    taken: dict[str, int] = {}
    chosen: list[Sample] = []
    most = _PER_OBJECT_IF_FEW if len(samples) < _FEW_SPECTRA else _PER_OBJECT
    for i in sorted(rng.permutation(len(samples)), key=lambda i: -min(samples[i].snr, 15.0)):
        count = taken.get(samples[i].group, 0)
        if count < most and len(chosen) < MOST_SPECTRA:
            chosen.append(samples[i])
            taken[samples[i].group] = count + 1
    return chosen


def _prepared(samples: Sequence[Sample], highest: float) -> tuple[list[Sample], FloatArray]:
    pairs = [(s, normalised(to_rest(s.wavelength_A, s.flux, s.redshift))) for s in samples]
    sane = [(s, row) for s, row in pairs if row is not None and _sane(row, highest)]
    return [s for s, _ in sane], np.array([row for _, row in sane])


def _sane(row: FloatArray, highest: float) -> bool:
    red = row[_RED:][np.isfinite(row[_RED:])]
    return red.size > 0 and float(red.max()) < highest and float(np.nanmin(row)) > -0.5


def _typical(coefficients: FloatArray) -> NDArray[np.intp]:
    """Which spectra do not lie far out: the few odd real ones should not be drawn again and again."""
    scale = coefficients.std(axis=0) + 1e-12
    distance = np.sqrt(((coefficients / scale) ** 2).mean(axis=1))
    return np.flatnonzero(distance <= np.quantile(distance, 0.85))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
