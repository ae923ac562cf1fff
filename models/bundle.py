"""A model bundle: weights, calibration and a card that says what they are. Verified before anything is served.

    bundle/
      card.json                 what, from which data, how well, how weak; sha256 of every other file
      member-42-best.safetensors, ...
      calibration.safetensors   scores of the calibration spectra
      sentinel-*, analogs.*     the anomaly layer, where the card has a `sentinel` section (models/sentinel/stored.py)
      matching-*                the bank of matches, where it has a `matching` section (models/match_layer.py)

Safetensors and JSON only: nothing in a bundle can run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file, save_file

from models.card_fields import BundleCard, MemberFields, checked
from models.card_fields import bundle_id as id_of
from models.card_fields import fingerprint as fingerprint  # where everybody looks for it
from models.cards import SHIPPED as SHIPPED  # where everybody looks for it
from models.cards import BundleError, ModelFolder, store_card
from models.domain import COARSE_CLASSES, FINE_CLASSES
from models.luminosity_law import LuminosityLaws
from models.match_layer import MatchLayer
from models.match_layer import files_of as matching_files
from models.sentinel.detector import Sentinel
from models.sentinel.stored import files_of, load_sentinel
from models.spectral.ensemble import Ensemble, Member
from models.spectral.net import ASTRANet, NetConfig
from models.spectral.readout import Readout

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A verified bundle in memory."""

    card: BundleCard
    ensemble: Ensemble
    calibration: Mapping[str, NDArray[Any]]
    sentinel: Sentinel | None = None
    matching: MatchLayer | None = None
    luminosity: LuminosityLaws | None = None

    @property
    def bundle_id(self) -> str:
        """Name and fingerprint of weights and calibration, such as `compact-1@3f2a9c1d`."""
        return id_of(self.card)


def load(folder: Path | None = None, *, device: str = "cpu", layer: bool = True) -> Bundle:
    """Verify and load a bundle; the shipped one by default.

    Parameters
    ----------
    device : str
        Where the networks run: `cpu` or `cuda`.
    layer : bool
        Whether the anomaly layer and the bank of matches are wanted too: not by whoever is going to replace them.

    Raises
    ------
    BundleError
        With the file and what is wrong with it, or if the device is not there.
    """
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise BundleError(f"device {device!r}: PyTorch finds no graphics card here; cpu needs none")
    return replace(_FOLDER, build=partial(_build, device=device, layer=layer)).load(folder or SHIPPED)


def verify(folder: Path) -> BundleCard:
    """Check the card and its fields, every file's SHA-256, the format and the classes; return the card.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    return cast(BundleCard, _FOLDER.verify(folder))


def _build(folder: Path, read: Mapping[str, Any], *, device: str = "cpu", layer: bool = True) -> Bundle:
    card = cast(BundleCard, read)
    members = [
        Member(net=_network(net_of(card, m), folder / m["file"]), seed=m["seed"], kind=m["kind"])
        for m in card["members"]
    ]
    return Bundle(
        card=card,
        ensemble=Ensemble(members, readout=_readout(card), device=device),
        calibration=load_arrays(folder / card["calibration"]["file"]),
        sentinel=load_sentinel(folder, card["sentinel"]) if layer and "sentinel" in card else None,
        matching=MatchLayer.load(folder, card["matching"]) if layer and "matching" in card else None,
        luminosity=LuminosityLaws.of(card["luminosity"]) if "luminosity" in card else None,
    )


def _needed(card: Mapping[str, Any]) -> set[str]:
    if not card.get("members"):
        raise ValueError("it names no members")
    named = {m["file"] for m in card["members"]} | {card["calibration"]["file"]}
    named |= files_of(card["sentinel"]) if "sentinel" in card else set()
    return named | matching_files(card["matching"]) if "matching" in card else named


def net_of(card: BundleCard, member: MemberFields) -> NetConfig:
    """What kind of network a member is: the card's, or its own in a bundle that was joined from several."""
    return NetConfig.from_dict(member.get("net", card["net"]))


def _readout(card: BundleCard) -> Readout:
    odds = card.get("class_odds", {})
    return Readout(temperature=float(card["temperature"]), odds=tuple(float(odds.get(c, 1.0)) for c in FINE_CLASSES))


def write_member(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Store weights in half precision; what is no floating-point number stays as it is."""
    half = {k: v.half() if v.dtype.is_floating_point else v for k, v in weights.items()}
    save_file({k: v.contiguous() for k, v in half.items()}, path)


def read_member(path: Path) -> dict[str, torch.Tensor]:
    """The weights that `write_member` stored, in single precision."""
    return {k: v.float() if v.dtype.is_floating_point else v for k, v in load_file(path).items()}


def write_card(folder: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Add the hash of every other file in the folder to the card and write it; returns the card written."""
    return store_card(folder, card, version=FORMAT)


def _network(config: NetConfig, path: Path) -> ASTRANet:
    net = ASTRANet(config)
    net.load_state_dict(read_member(path))
    return net


_FOLDER: Final = ModelFolder(
    what="bundle",
    version=FORMAT,
    fixed={"classes": FINE_CLASSES, "coarse_classes": COARSE_CLASSES},
    checked=partial(checked, kind=BundleCard),
    needed=_needed,
    build=_build,
)
