"""The fields of each kind of card that code relies on. A card may hold more: what is unknown is kept as it is.

A card is plain JSON, so these are dictionaries with types; `checked` says which field of which file is wrong.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from models.cards import CARD, BundleError, digest

MAX_NAMED = 3
T = TypeVar("T")


class Card(TypedDict):
    """What every card has."""

    name: str
    format: int
    files: dict[str, str]
    """SHA-256 of every other file in the folder, by name."""


class MemberFields(TypedDict):
    """One network of an ensemble."""

    file: str
    seed: int
    kind: str
    net: NotRequired[dict[str, Any]]
    """Its kind of network, where that is not the card's; see `models.spectral.net.NetConfig`."""
    begun: NotRequired[int]
    """The seed its training began with, where it is called by another."""


class CalibrationFields(TypedDict):
    """The spectra that prediction sets are calibrated on."""

    file: str
    id: str
    date: str
    size: int
    objects: int
    partial: NotRequired[dict[str, Any]]
    """How many of them cover 70-80 % of the window, by domain; `objects` are those of the others alone."""
    told_id: NotRequired[str]
    """The id of the shipped calibration where another one took its place: answers with a redshift keep it."""


class SentinelFields(TypedDict):
    """The anomaly layer."""

    seeds: list[int]
    scores: list[str]
    exposure: NotRequired[str | None]
    """The preset of the outlier exposure; None without one, and in cards of earlier versions not told."""


class MatchingFields(TypedDict):
    """The bank of matches and what is calibrated on it; the names of three files."""

    bank: str
    fitted: str
    told: str


class LawFields(TypedDict):
    """Absolute magnitude of one class: median, robust spread, and of how many training objects."""

    median: float
    spread: float
    objects: int


class LuminosityFields(TypedDict):
    """How bright the classes are (`models.luminosity_law`)."""

    laws: dict[str, LawFields]
    power: float
    """To which the likelihood counts."""


class TrainingFields(TypedDict):
    """How and on what a bundle was trained."""

    data_hash: str
    split_hash: str
    device: str
    torch: str
    config: dict[str, Any]


class MixFields(TypedDict):
    """Shares of the classes that training showed, and that the answers are for."""

    shown: dict[str, float]
    answered: dict[str, float]


class IntervalFields(TypedDict):
    """A measured value with its interval."""

    value: float
    low: float
    high: float


class CountFields(TypedDict):
    """How much a figure was measured on."""

    spectra: int
    objects: int


class OnceFields(TypedDict):
    """Figures with every object once."""

    accuracy: IntervalFields | None
    macro_recall: IntervalFields | None
    macro_f1: IntervalFields | None
    recall: dict[str, IntervalFields | None]


class RealFields(OnceFields, CountFields):
    """Figures on real spectra."""

    precision: dict[str, IntervalFields | None]
    class_mix: dict[str, CountFields]
    by_object: NotRequired[OnceFields]
    """Cards of earlier versions have none."""


class PolicyFields(TypedDict):
    """How often a policy was the answer, and how often its class was right."""

    spectra: int
    share: float
    accuracy: NotRequired[float | None]
    low: NotRequired[float | None]
    high: NotRequired[float | None]


class DomainFields(TypedDict):
    """Figures on real spectra of one resolution."""

    real: RealFields
    policy: NotRequired[dict[str, PolicyFields]]


class MetricsFields(TypedDict):
    """What `astranet evaluate spectra` measured."""

    split: str
    real: RealFields
    domains: NotRequired[dict[str, DomainFields]]
    """By the name of the domain (`models.conformal.domains`); cards of earlier versions have none."""


class BundleCard(Card):
    """The card of a bundle (`models.bundle`)."""

    created: str
    classes: list[str]
    coarse_classes: list[str]
    net: dict[str, Any]
    members: list[MemberFields]
    temperature: float
    class_odds: NotRequired[dict[str, float]]
    prior: NotRequired[MixFields]
    metadata: list[str]
    calibration: CalibrationFields
    sentinel: NotRequired[SentinelFields]
    matching: NotRequired[MatchingFields]
    luminosity: NotRequired[LuminosityFields]
    training: TrainingFields
    metrics: NotRequired[MetricsFields]
    sources: list[str]
    weaknesses: list[str]


class NeedleCard(Card):
    """The card of NEEDLE's metadata model (`models.needle.model`)."""

    classes: list[str]
    inputs: list[str]
    members: list[str]
    calibration: str
    templates: str
    clean: dict[str, float]
    """See `models.needle.lightcurves.lightcurve.CleanRules`."""
    hosts: dict[str, Any]
    """See `models.needle.hosts.HostModel`."""
    shift: dict[str, list[float]]
    """What is added to the logits, by preference."""
    training: NotRequired[dict[str, Any]]
    """Read by the laboratory alone."""
    metrics: NotRequired[dict[str, dict[str, Any]]]
    """Figures on held-out objects at the threshold 0.8, by preference, sample and class."""


class NetworkFields(TypedDict):
    """Which of the checker's networks."""

    kind: str
    width: int


class QualityCard(Card):
    """The card of the checker of stamps (`models.needle.images.quality`)."""

    net: NetworkFields
    threshold: float


class HybridCard(Card):
    """The card of NEEDLE's hybrid network (`models.needle.hybrid.model`)."""

    classes: list[str]
    net: dict[str, Any]
    """See `models.needle.hybrid.net.HybridConfig`."""
    features: dict[str, list[str]]
    deployed: dict[str, dict[str, Any]]
    clean: dict[str, float]
    shift: dict[str, list[float]]
    images: NotRequired[str]
    """`real` where it learned from real stamps alone; semi-real ones otherwise."""
    notes: NotRequired[list[str]]
    training: NotRequired[dict[str, Any]]
    validation: NotRequired[dict[str, Any]]
    """As `notes` and `training` read by the laboratory alone: figures of each network on its own fold."""


class JoinedDomainFields(TypedDict):
    """Whether joining was measured to be better than the spectrum alone, on spectra of one resolution."""

    better: bool
    objects: int


class JoinedCard(Card):
    """The card of what joins spectrum and source (`models.joined.stored`)."""

    classes: list[str]
    evidence: list[str]
    bundle: str
    """Whose probabilities the powers were fitted for."""
    powers: dict[str, float]
    domains: dict[str, JoinedDomainFields]
    alphas: list[float]
    """Error rates of the prediction sets."""
    training: NotRequired[dict[str, Any]]
    metrics: NotRequired[dict[str, Any]]


def checked(folder: Path, card: Mapping[str, Any], kind: type[T]) -> T:
    """Check that a card has the fields of its kind, and return it as it is.

    Parameters
    ----------
    kind : type
        One of the classes above.

    Raises
    ------
    BundleError
        With the file, the fields and what is wrong with each.
    """
    try:
        TypeAdapter(kind).validate_python(card, strict=True)
    except ValidationError as error:
        found = [f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors(include_input=False)]
        more = f"; and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        raise BundleError(f"{folder / CARD}: field {'; field '.join(found[:MAX_NAMED])}{more}") from None
    return cast(T, card)


def fingerprint(card: BundleCard) -> str:
    """SHA-256 over the files' hashes: the same weights and calibration have the same one, whatever the card adds."""
    parts = ["net", "temperature", "files"]
    # Older cards have no odds, no laws of luminosity, and name one kind of network for all members.
    parts += ["class_odds"] if "class_odds" in card else []
    parts += ["members"] if any("net" in m for m in card["members"]) else []
    parts += ["luminosity"] if "luminosity" in card else []
    return digest(card, parts)


def bundle_id(card: BundleCard) -> str:
    """Name and fingerprint of weights and calibration, such as `compact-1@3f2a9c1d`."""
    return f"{card['name']}@{fingerprint(card)[:8]}"
