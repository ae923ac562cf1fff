"""The shipped NEEDLE metadata model: loaded and verified like a bundle, and asked about one object.

needle/
  card.json                  what, from which data, how well, how weak; SHA-256 of every other file; the host model
  0.txt.gz, ... 9.txt.gz     LightGBM models as text
  templates.safetensors      draws of light-curve parameters
  calibration.safetensors    probabilities of held-out objects, by variant
"""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from safetensors.numpy import load_file

from models.card_fields import NeedleCard, checked
from models.cards import ModelFolder, digest
from models.domain import NEEDLE_CLASSES, Caveat, CaveatCode, Host, HostVerdict, LightCurve
from models.needle.hosts import HostModel
from models.needle.inputs import NAMES, galaxy, light_curve_inputs
from models.needle.lightcurves.lightcurve import CleanRules, Floats, Photometry, as_of, clean, typical_ebv
from models.needle.lightcurves.templates import Bank
from models.needle.metadata import ALPHAS, PREFERENCES, VARIANTS, Metadata
from models.trees import Trees

SHIPPED: Final = Path(__file__).parent.parent / "data" / "needle"
FORMAT: Final = 3
SMALL_CALIBRATION: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What NEEDLE says about one object; `verdict` None when there is nothing to go by, with the reason."""

    verdict: HostVerdict | None
    reason: str | None
    n_g: int
    n_r: int
    caveats: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The answers of one object, epoch by epoch.

    Parameters
    ----------
    mjd, days : ndarray, shape (n,)
        Date of the latest detection, and days since the first that counted then.
    probabilities : ndarray, shape (n, 3)
        In the order of `NEEDLE_CLASSES`.
    n_g, n_r : tuple of int, length n
        Detections in each band.
    """

    mjd: Floats
    days: Floats
    probabilities: Floats
    n_g: tuple[int, ...]
    n_r: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """A verified model in memory."""

    card: NeedleCard
    model: Metadata
    bank: Bank

    @property
    def model_id(self) -> str:
        """Name and fingerprint, such as `needle-1@3f2a9c1d`."""
        return f"{self.card['name']}@{fingerprint(self.card)[:8]}"

    def answer(
        self,
        curve: LightCurve | None,
        host: Host | None,
        *,
        ebv_mag: float | None = None,
        position_deg: tuple[float, float] | None = None,
        prefer: str = "purity",
    ) -> Answer:
        """Classify one object as it was known at the end of its light curve.

        Parameters
        ----------
        ebv_mag : float or None
            Milky Way reddening; a typical value for `position_deg` when None.
        prefer : str
            `purity` or `completeness`.

        Raises
        ------
        ValueError
            If `prefer` is neither.
        """
        _check(prefer)
        if curve is None:
            return Answer(verdict=None, reason="no light curve", n_g=0, n_r=0)
        ebv, caveats = _reddening(ebv_mag, position_deg)
        points = clean(curve, ebv, self._rules)
        n_g, n_r = len(points.of("g")), len(points.of("r"))
        if not len(points):
            return Answer(verdict=None, reason=_why_empty(self.card["clean"]), n_g=n_g, n_r=n_r)
        variant = "TH" if np.isfinite(galaxy(host, ebv)).any() else "T"
        if variant == "T":
            text = "no host with g or r magnitude, offset or redshift: light curve alone"
            caveats.append(Caveat(code=CaveatCode.NO_HOST, text=text))
        verdict = self._verdict(points, host, ebv, variant, prefer, caveats)
        return Answer(verdict=verdict, reason=None, caveats=tuple(caveats), n_g=n_g, n_r=n_r)

    def history(
        self,
        curve: LightCurve,
        host: Host | None,
        *,
        ebv_mag: float | None = None,
        position_deg: tuple[float, float] | None = None,
        prefer: str = "purity",
    ) -> History:
        """Every answer that would have been given: one at each usable detection, from what had been seen by then.

        Raises
        ------
        ValueError
            If `prefer` is neither of the two.
        """
        _check(prefer)
        ebv, _ = _reddening(ebv_mag, position_deg)
        whole = clean(curve, ebv, self._rules)
        seen = [as_of(curve, float(mjd), ebv, self._rules) for mjd in np.unique(whole.mjd)]
        seen = [points for points in seen if len(points)]
        if not seen:
            return History(mjd=np.zeros(0), days=np.zeros(0), probabilities=np.zeros((0, 3)), n_g=(), n_r=())
        return History(
            mjd=np.array([points.mjd[-1] for points in seen]),
            days=np.array([points.mjd[-1] - points.mjd[0] for points in seen]),
            probabilities=self.model.probabilities(self._balanced(seen, host, ebv), prefer),
            n_g=tuple(len(points.of("g")) for points in seen),
            n_r=tuple(len(points.of("r")) for points in seen),
        )

    @property
    def _rules(self) -> CleanRules:
        return CleanRules(**self.card["clean"])

    def _balanced(self, seen: Sequence[Photometry], host: Host | None, ebv: float) -> Floats:
        x = np.array([light_curve_inputs(points, self.bank) for points in seen])
        return self.model.balanced(x, np.tile(galaxy(host, ebv), (len(x), 1)))

    def _verdict(
        self, points: Photometry, host: Host | None, ebv: float, variant: str, prefer: str, caveats: list[Caveat]
    ) -> HostVerdict:
        model = self.model
        balanced = self._balanced([points], host, ebv)
        p = model.probabilities(balanced, prefer)[0]
        by_class = model.class_p_values(balanced, variant)[0]
        best = int(p.argmax())
        sizes = np.bincount(model.calibration[f"{variant}.label"], minlength=len(NEEDLE_CLASSES))
        if sizes[best] < SMALL_CALIBRATION:
            text = f"{sizes[best]} calibration objects of class {NEEDLE_CLASSES[best]}"
            caveats.append(Caveat(code=CaveatCode.SMALL_CALIBRATION, text=text))
        return host_verdict(f"{self.model_id} {variant} {prefer}", p, by_class, _details(points, host))


def host_verdict(model: str, p: Floats, by_class: Floats, details: Mapping[str, object]) -> HostVerdict:
    """Say which class is the most probable, and which cannot be ruled out.

    Parameters
    ----------
    model : str
        Which model answers, which variant of it and which preference.
    p, by_class : ndarray, shape (3,)
        Probability and conformal p-value of each class.
    details : mapping
        See `HostVerdict`.
    """
    best = int(p.argmax())
    return HostVerdict(
        label=NEEDLE_CLASSES[best],
        probabilities={name: float(v) for name, v in zip(NEEDLE_CLASSES, p, strict=True)},
        model=model,
        prediction_sets={
            f"{alpha:g}": tuple(c for c, q in zip(NEEDLE_CLASSES, by_class, strict=True) if q > alpha)
            for alpha in ALPHAS
        },
        p_mondrian=float(by_class[best]),
        details=details,
    )


def load(folder: Path | None = None) -> Needle:
    """Verify and load a model; the shipped one by default.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    return _FOLDER.load(folder or SHIPPED)


def verify(folder: Path) -> NeedleCard:
    """Check the card and its fields, the format, the classes, the features, and every file's SHA-256; return the card.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    return cast(NeedleCard, _FOLDER.verify(folder))


def write_card(folder: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Add format, classes, inputs and the hash of every other file to the card and write it."""
    return _FOLDER.write(folder, card)


def _build(folder: Path, read: Mapping[str, Any]) -> Needle:
    card = cast(NeedleCard, read)
    drawn = load_file(folder / card["templates"])
    bank = Bank(
        parameters=drawn["parameters"].astype(float),
        group=drawn["group"].astype(int),
        owner=np.full(len(drawn["group"]), -1),
    )
    return Needle(card=card, model=_metadata(folder, card, load_file(folder / card["calibration"])), bank=bank)


def _needed(card: Mapping[str, Any]) -> list[str]:
    if not card.get("members"):
        raise ValueError("it names no members")
    return [*card["members"], card["calibration"], card["templates"]]


def fingerprint(card: NeedleCard) -> str:
    """SHA-256 over what decides an answer: files, host model, shifts and rules of cleaning."""
    return digest(card, ("files", "hosts", "shift", "clean"))


def _metadata(folder: Path, card: NeedleCard, calibration: Mapping[str, np.ndarray]) -> Metadata:
    kinds = (("probabilities", float), ("label", int))
    return Metadata(
        members=[_trees(folder / file) for file in card["members"]],
        hosts=HostModel.from_dict(card["hosts"]),
        shift={prefer: np.array(card["shift"][prefer], float) for prefer in PREFERENCES},
        calibration={f"{v}.{name}": calibration[f"{v}.{name}"].astype(kind) for v in VARIANTS for name, kind in kinds},
    )


def _check(prefer: str) -> None:
    if prefer not in PREFERENCES:
        raise ValueError(f"prefer must be one of {', '.join(PREFERENCES)}, got {prefer!r}")


def _trees(path: Path) -> Trees:
    return Trees.from_text(gzip.decompress(path.read_bytes()).decode())


def _reddening(ebv_mag: float | None, position_deg: tuple[float, float] | None) -> tuple[float, list[Caveat]]:
    if ebv_mag is not None:
        return ebv_mag, []
    guess = typical_ebv(*position_deg) if position_deg is not None else typical_ebv(0.0, 27.0)
    text = f"no Milky Way reddening given: E(B-V) = {guess:.3f} mag assumed, as is typical there"
    return guess, [Caveat(code=CaveatCode.METADATA_IGNORED, text=text)]


def _why_empty(rules: Mapping[str, float]) -> str:
    return (
        f"no detection in g or r brighter than {rules['limit_mag']:g} mag with an error of {rules['max_error_mag']:g}"
    )


def _details(points: Photometry, host: Host | None) -> dict[str, object]:
    since_peak = float(points.mjd[-1] - points.mjd[np.argmin(points.mag)])
    separation = None if host is None or host.separation_arcsec is None else round(host.separation_arcsec, 2)
    found: dict[str, object] = {"phase_days": round(since_peak, 2), "host_sep_arcsec": separation}
    found["discovery_mjd"] = round(float(points.mjd[0]), 5)
    if host is not None and host.redshift is not None:
        found |= {"host_z": host.redshift, "host_z_error": host.redshift_error, "host_z_kind": host.redshift_kind}
        found["host_source"] = host.source
    return found


_FOLDER: Final = ModelFolder(
    what="NEEDLE model",
    version=FORMAT,
    fixed={"classes": NEEDLE_CLASSES, "inputs": NAMES},
    checked=partial(checked, kind=NeedleCard),
    needed=_needed,
    build=_build,
)
