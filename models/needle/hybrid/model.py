"""The hybrid model: loaded and verified like a bundle, and asked about one object with stamps.

needle-hybrid/
  card.json                        what, from which data, how well, how weak; SHA-256 of every other file
  TH-purity.safetensors, ...       a network for each variant and preference
  calibration.safetensors          out-of-fold probabilities of training objects, by variant and preference

The shipped one's images were semi-real in training and in every figure. The metadata model, which never saw any image,
stays the default until real stamps of rare classes can be had.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from safetensors.numpy import load_file as load_arrays

from models.bundle import FORMAT, read_member
from models.card_fields import HybridCard, checked
from models.cards import ModelFolder, digest
from models.conformal.mondrian import p_values
from models.domain import NEEDLE_CLASSES, Caveat, CaveatCode, Host, HostVerdict, LightCurve
from models.needle.hybrid.inputs import FEATURES, NAMES, masked_input
from models.needle.hybrid.net import HybridConfig, HybridNet
from models.needle.images.prepare import PreparedImages
from models.needle.lightcurves.features import features, vector
from models.needle.lightcurves.lightcurve import CleanRules, Floats, Photometry, clean, typical_ebv
from models.needle.metadata import shifted
from models.needle.model import Answer, host_verdict

SHIPPED: Final = Path(__file__).parents[2] / "data" / "needle-hybrid"
CALIBRATION: Final = "calibration.safetensors"
VARIANTS: Final = ("TH", "T")
PREFERENCES: Final = ("purity", "completeness")
NOWHERE: Final = (0.0, 27.0)
SEMI_REAL: Final = "no real stamps of SLSNe-I and TDEs to train on: this model knows semi-real images only"
REAL: Final = "real"
NOTES: Final = (
    "Semi-real: no figure here comes from real stamps of SLSNe-I or TDEs, for there are none to be had. Fields are "
    "real ZTF stamps without their central source; galaxies are drawn with real magnitudes, sizes and offsets of the "
    "class; the transient has its real magnitude at the time. Light curves and host catalogues are real.",
    "Sizes and offsets that no catalogue has, of most TDE hosts, are those of other hosts of the class.",
    "Of each variant and preference the network of the fold nearest the mean is deployed; shifts and calibration come "
    "from the out-of-fold answers of all ten.",
)
REAL_NOTES: Final = (
    "Real stamps, light curves and hosts of one's own alert packets; none of the figures is of objects from elsewhere.",
    NOTES[-1],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid:
    """A verified model in memory."""

    card: HybridCard
    nets: Mapping[str, HybridNet]
    calibration: Mapping[str, np.ndarray]

    @property
    def model_id(self) -> str:
        """Name and fingerprint, such as `needle-hybrid-1@3f2a9c1d`."""
        return f"{self.card['name']}@{fingerprint(self.card)[:8]}"

    def answer(
        self,
        curve: LightCurve | None,
        host: Host | None,
        images: PreparedImages,
        *,
        ebv_mag: float | None = None,
        position_deg: tuple[float, float] | None = None,
        prefer: str = "purity",
    ) -> Answer:
        """Classify one object from its light curve, its host and its stamps, as `model.Needle.answer` does without.

        The remarks of `images` are not repeated.

        Parameters
        ----------
        images : PreparedImages
            What `prepare` made of the object's alerts in one band, none later than the end of the light curve.
        ebv_mag : float or None
            Milky Way reddening; a typical value for `position_deg` when None.
        prefer : str
            `purity` or `completeness`.

        Raises
        ------
        ValueError
            If `prefer` is neither.
        """
        if prefer not in PREFERENCES:
            raise ValueError(f"prefer must be one of {', '.join(PREFERENCES)}, got {prefer!r}")
        if curve is None:
            return Answer(verdict=None, reason="no light curve", n_g=0, n_r=0)
        ebv = typical_ebv(*(position_deg or NOWHERE)) if ebv_mag is None else ebv_mag
        points = clean(curve, ebv, CleanRules(**self.card["clean"]))
        n_g, n_r = len(points.of("g")), len(points.of("r"))
        if not len(points):
            return Answer(verdict=None, reason="no usable detection in g or r", n_g=n_g, n_r=n_r)
        if images.pair is None:
            reason = "no usable images: " + "; ".join(c.text for c in images.caveats)
            return Answer(verdict=None, reason=reason, n_g=n_g, n_r=n_r)
        usable = host is not None and any(np.isfinite(host.mags.get(b, np.nan)) for b in ("g", "r"))
        verdict = self._verdict(points, host if usable else None, images, ebv, prefer)
        remarks = _remarks(usable, ebv_mag, ebv, semi_real=self.card.get("images") != REAL)
        return Answer(verdict=verdict, reason=None, n_g=n_g, n_r=n_r, caveats=remarks)

    def probabilities(self, images: np.ndarray, x: Floats, variant: str, prefer: str) -> tuple[Floats, Floats]:
        """Answers for many rows.

        Parameters
        ----------
        images : ndarray, shape (n, 2, 60, 60)
        x : ndarray, shape (n, features)
            In the order of `inputs.NAMES`.

        Returns
        -------
        ndarray, shape (n, 3), twice
            For equal class shares, and shifted as the preference wants it.
        """
        mine = x[:, [NAMES.index(name) for name in FEATURES[variant]]]
        net = self.nets[f"{variant}.{prefer}"]
        with torch.inference_mode():
            logits = net(torch.from_numpy(images).float(), torch.from_numpy(mine.astype(np.float32)))
        balanced = torch.softmax(logits, 1).double().numpy()
        return balanced, shifted(balanced, np.array(self.card["shift"][f"{variant}.{prefer}"], float))

    def class_p_values(self, balanced: Floats, variant: str, prefer: str) -> Floats:
        """Mondrian p-value of each class: how usual `1 - p(class)` is among out-of-fold answers of that class."""
        known, label = (self.calibration[f"{variant}.{prefer}.{name}"] for name in ("probabilities", "label"))
        columns = [
            p_values(1 - known[label == k, k].astype(float), 1 - balanced[:, k]) for k in range(len(NEEDLE_CLASSES))
        ]
        return np.column_stack(columns)

    def _verdict(
        self, points: Photometry, host: Host | None, images: PreparedImages, ebv: float, prefer: str
    ) -> HostVerdict:
        assert images.pair is not None
        variant = "T" if host is None else "TH"
        x = vector(features(points, host, ebv), NAMES)[None]
        balanced, p = self.probabilities(masked_input(images.pair)[None], x, variant, prefer)
        by_class = self.class_p_values(balanced, variant, prefer)[0]
        details = {
            "phase_days": round(float(points.mjd[-1] - points.mjd[np.argmin(points.mag)]), 2),
            "host_sep_arcsec": None if host is None else host.separation_arcsec,
            "quality": None if images.quality is None else round(images.quality, 3),
            "restored": images.restored,
        }
        return host_verdict(f"{self.model_id} {variant} {prefer}", p[0], by_class, details)


def load(folder: Path | None = None) -> Hybrid:
    """Verify and load a model; the shipped one by default.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    return _FOLDER.load(folder or SHIPPED)


def verify(folder: Path) -> HybridCard:
    """Check the card and its fields, the format, the classes, the features, and every file's SHA-256; return the card.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    return cast(HybridCard, _FOLDER.verify(folder))


def _build(folder: Path, read: Mapping[str, Any]) -> Hybrid:
    card = cast(HybridCard, read)
    config = HybridConfig.from_dict(card["net"])
    nets = {key: _network(config, card, key, folder) for key in card["deployed"]}
    return Hybrid(card=card, nets=nets, calibration=load_arrays(folder / CALIBRATION))


def fingerprint(card: HybridCard) -> str:
    """SHA-256 over what decides an answer: files, shifts and rules of cleaning."""
    return digest(card, ("files", "shift", "clean"))


def _network(config: HybridConfig, card: HybridCard, key: str, folder: Path) -> HybridNet:
    blank = [0.0] * len(card["features"][key.split(".")[0]])
    net = HybridNet(config, blank, blank, blank)
    net.load_state_dict(read_member(folder / f"{key}.safetensors"))
    return net.eval()


def _remarks(hosted: bool, given: float | None, ebv: float, *, semi_real: bool) -> tuple[Caveat, ...]:
    found = [Caveat(code=CaveatCode.NOT_AVAILABLE, text=SEMI_REAL)] if semi_real else []
    if not hosted:
        found.append(
            Caveat(code=CaveatCode.NO_HOST, text="no host with g or r magnitude: light curve and images alone")
        )
    if given is None:
        text = f"no Milky Way reddening given: E(B-V) = {ebv:.3f} mag assumed, as is typical there"
        found.append(Caveat(code=CaveatCode.METADATA_IGNORED, text=text))
    return tuple(found)


_FOLDER: Final = ModelFolder(
    what="hybrid model",
    version=FORMAT,
    fixed={"classes": NEEDLE_CLASSES, "features": FEATURES},
    checked=partial(checked, kind=HybridCard),
    needed=lambda _card: [CALIBRATION, *(f"{v}.{p}.safetensors" for v in VARIANTS for p in PREFERENCES)],
    build=_build,
)
