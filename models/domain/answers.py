"""What the models say: one value per question, each independent of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the spectrum looks like (ASTRANet paper, Sec. IV A-B).

    Parameters
    ----------
    label : str
        The most probable of the seven fine classes.
    probabilities : mapping of str to float
        Ensemble mean over members, fine classes, sums to 1.
    coarse : mapping of str to float
        The same over the three superclasses.
    spread : mapping of str to float
        Standard deviation of each fine probability over the members (Eq. 5); empty for one member.
    members : int
        How many networks voted.
    strategy : str
        How the class was chosen by the probabilities; see `models.decision`. `within_seed`: the most probable one.
    """

    label: str
    probabilities: Mapping[str, float]
    coarse: Mapping[str, float]
    spread: Mapping[str, float] = field(default_factory=dict)
    members: int = 1
    strategy: str = "within_seed"

    @property
    def probability(self) -> float:
        """The probability of `label`."""
        return self.probabilities[self.label]

    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]:
        """`p -+ sigma` of each class over the members, within 0 and 1 (Eq. 5); empty where no spread is known."""
        ends = {c: (self.probabilities[c] - s, self.probabilities[c] + s) for c, s in self.spread.items()}
        return {c: (max(low, 0.0), min(high, 1.0)) for c, (low, high) in ends.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How far the verdict can be believed (ASTRANet paper, Sec. VI).

    Every guarantee needs exchangeability with the calibration set; its size and date are part of the value.

    Parameters
    ----------
    prediction_sets : mapping of str to tuple of str
        Classes at each alpha, keyed by the alpha as text ("0.05"); an empty set is an answer.
    method : str
        `lac` for the threshold set of Eq. 3, `aps` for adaptive prediction sets.
    p_marginal, p_mondrian : float or None
        Conformal p-values of the anomaly score (Eq. 1 and 2).
    entropy : mapping of str to float
        `total`, `aleatoric`, `epistemic` in nats (Eq. 4).
    calibration_id : str
        Which calibration set; `calibration_date` tells when it was made.
    calibration_cell : str or None
        Which of its spectra this one was compared with, such as "low resolution"; `calibration_size` is how
        many they are.
    p_mondrian_cell : str or None
        The calibration spectra behind `p_mondrian`: those of the predicted class, or all where the class has too few.
    """

    prediction_sets: Mapping[str, tuple[str, ...]]
    method: str
    calibration_id: str
    calibration_size: int
    calibration_date: str
    p_marginal: float | None = None
    p_mondrian: float | None = None
    entropy: Mapping[str, float] = field(default_factory=dict)
    policy: str | None = None
    sentence: str | None = None
    cell: Mapping[str, object] | None = None
    calibration_cell: str | None = None
    p_mondrian_cell: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """How strange the spectrum is (ASTRANet paper, Sec. IV C-D).

    Parameters
    ----------
    score : float
        Mean of the seeds' combiner scores, 0 to 1, higher is stranger; no probability.
    flagged : bool
        Whether the operating regime calls it anomalous.
    threshold : float or None
        Of `score`, at the operator's false-alarm rate; None when the calibration spectra are too few for it.
    scores, families : mapping of str to float
        The sixteen scores and the mean of each family, as ranks among ordinary spectra.
    fired : tuple of str
        Families that alone exceed their threshold at that rate.
    resembles : str or None
        Which failure mode an alert resembles: disguise, continuum-dominated, ambiguous, novel.
    regime : str
        anchor, per_seed or seed_union.
    seeds : tuple of float
        The score of each seed.
    neighbours : tuple of mapping
        Nearest archive spectra: object, class, phase_days, redshift, distance, spectrum, source.
    """

    score: float
    flagged: bool
    threshold: float | None
    scores: Mapping[str, float]
    families: Mapping[str, float]
    fired: tuple[str, ...] = ()
    resembles: str | None = None
    regime: str = "anchor"
    seeds: tuple[float, ...] = ()
    neighbours: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVerdict:
    """What images, light curve and host say (NEEDLE paper): SN, SLSN-I or TDE.

    Parameters
    ----------
    details : mapping of str to value
        Plain JSON; under `history` what would have been said after each night: MJD and the score of each class. Where
        known: `discovery_mjd` of the first detection that counted, `host_sep_arcsec`, and the host's redshift of a
        catalogue as `host_z`, `host_z_error` (of a photometric one), `host_z_kind` and `host_source`.
    """

    label: str
    probabilities: Mapping[str, float]
    model: str
    prediction_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    p_mondrian: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def history(self) -> Sequence[Sequence[float]]:
        """Rows of MJD, SN, SLSN-I, TDE, oldest first; empty where none were kept."""
        rows = self.details.get("history")
        return rows if isinstance(rows, list) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the answer would be calibrated by, should its truth be known one day; it is posted nowhere.

    Parameters
    ----------
    probabilities : mapping of str to float
        Ensemble probabilities without redshift, after the bundle's readout, fine classes.
    epistemic : float
        How far the networks disagree without redshift, nats.
    spacing_A : float
        Median distance of the spectrum's own pixels, Angstrom.
    coverage, blue_end, red_end : float
        Shares of the window that are covered, and missing before the first and after the last pixel.
    unlike : bool
        Whether there are no calibration spectra of its own sampling and coverage.
    """

    probabilities: Mapping[str, float]
    epistemic: float
    spacing_A: float
    coverage: float
    blue_end: float
    red_end: float
    unlike: bool = False
