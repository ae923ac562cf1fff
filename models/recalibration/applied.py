"""A bundle whose calibration is replaced, and an analyst that can change it while it works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from models.analyst import Analyst
from models.anomaly_layer import ALPHA
from models.bundle import Bundle
from models.card_fields import BundleCard
from models.decision import Strategy
from models.domain import Caveat, Evidence, Report, Spectrum
from models.domain.looked import Looked
from models.recalibration.rows import Rows
from models.sentinel.detector import FALSE_ALARM_RATE, Calibration, OperatingRegime, Sentinel
from models.set_layer import SetMethod
from models.together import Together

Item = tuple[Evidence, Sequence[Caveat]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCalibration:
    """Calibration spectra that take the place of a bundle's own.

    Parameters
    ----------
    bundle_id : str
        The only bundle they are for: another one's probabilities are others.
    date : str
        When they were put together.
    """

    calibration_id: str
    bundle_id: str
    date: str
    rows: Rows


def shipped_rows(bundle: Bundle) -> Rows:
    """The calibration spectra of a bundle; it does not know which of them are of one object.

    Raises
    ------
    ValueError
        If it has no anomaly layer, or one without domains: such bundles keep their calibration.
    """
    own, sets = None if bundle.sentinel is None else bundle.sentinel.calibration, bundle.calibration
    if own is None or own.spacing is None or own.coverage is None or own.blue_end is None or own.red_end is None:
        raise ValueError("this bundle cannot be recalibrated: it has no anomaly layer with domains")
    n = len(own.label)
    return Rows(
        label=own.label,
        fine=own.fine,
        seed_scores=own.seed_scores,
        families=own.families,
        epistemic=own.epistemic,
        spacing=own.spacing.astype(float),
        coverage=own.coverage,
        blue_end=own.blue_end,
        red_end=own.red_end,
        objects=np.full(n, "", dtype=np.str_),
        answered_at=np.zeros(n),
        cut=np.asarray(sets["cut"], bool) if len(sets.get("cut", ())) == n else np.zeros(n, bool),
    )


def applied(bundle: Bundle, local: LocalCalibration) -> Bundle:
    """The same bundle with other calibration spectra; what it says of spectra with a known redshift stays as shipped.

    Raises
    ------
    ValueError
        If they are for another bundle.
    """
    if local.bundle_id != bundle.bundle_id:
        raise ValueError(f"calibration {local.calibration_id} is for {local.bundle_id}, not for {bundle.bundle_id}")
    assert bundle.sentinel is not None
    return with_rows(bundle, local.rows, {"id": local.calibration_id, "date": local.date})


def with_rows(bundle: Bundle, rows: Rows, told: Mapping[str, Any]) -> Bundle:
    """The bundle calibrated on some rows; `told` goes into the card's section on calibration."""
    assert bundle.sentinel is not None
    section = bundle.card["calibration"]
    card = {**bundle.card, "calibration": {**section, "told_id": section["id"], **told, "size": len(rows)}}
    calibration = Calibration(
        seed_scores=rows.seed_scores,
        families=rows.families,
        fine=rows.fine,
        epistemic=rows.epistemic,
        label=rows.label,
        spacing=rows.spacing,
        coverage=rows.coverage,
        blue_end=rows.blue_end,
        red_end=rows.red_end,
    )
    sets: dict[str, NDArray[Any]] = {
        "label": rows.label,
        "predicted": rows.predicted,
        "nonconformity": rows.nonconformity,
        "spacing": rows.spacing,
        "coverage": rows.coverage,
        "blue_end": rows.blue_end,
        "red_end": rows.red_end,
        "cut": rows.cut,
    }
    sentinel = Sentinel(bundle.sentinel.detectors, calibration, bundle.sentinel.analogs)
    return replace(bundle, card=cast(BundleCard, card), calibration=sets, sentinel=sentinel)


class LocalAnalyst:
    """A `models.analyst.Analyst` whose calibration can be changed while it works; may be shared between threads.

    An object whose truth is among the calibration spectra is answered without them: what is known of an object must
    not say anything about its own answer.

    Parameters
    ----------
    regime, alpha, false_alarm_rate, strategy, sets
        As `models.analyst.Analyst` takes them.

    Raises
    ------
    ValueError
        If the bundle does not hold what they need.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        regime: OperatingRegime = "anchor",
        alpha: float = ALPHA,
        false_alarm_rate: float = FALSE_ALARM_RATE,
        strategy: Strategy = "within_seed",
        sets: SetMethod = "lac",
    ) -> None:
        self._bundle, self._regime, self._alpha, self._rate = bundle, regime, alpha, false_alarm_rate
        self.strategy, self.sets = strategy, sets
        self._now: tuple[Analyst, LocalCalibration | None] = (self._made(bundle), None)

    @property
    def bundle(self) -> Bundle:
        """The bundle as it was shipped."""
        return self._bundle

    @property
    def calibration(self) -> LocalCalibration | None:
        """What answers are calibrated on now; None for the bundle's own."""
        return self._now[1]

    def use(self, local: LocalCalibration | None) -> None:
        """Answer by this calibration from now on; by the bundle's own for None.

        Raises
        ------
        ValueError
            If it is for another bundle. Nothing changes then.
        """
        self._now = (self._made(self._bundle if local is None else applied(self._bundle, local)), local)

    @property
    def bundle_id(self) -> str:
        """Which bundle answers."""
        return self._bundle.bundle_id

    @property
    def together(self) -> Together | None:
        """See `models.analyst.Analyst`."""
        return self._now[0].together

    @property
    def expected(self) -> Mapping[str, Mapping[str, float]]:
        """See `models.analyst.Analyst`."""
        return self._now[0].expected

    def matched(self, spectrum_id: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `models.analyst.Analyst`."""
        return self._now[0].matched(spectrum_id)

    def sketch(self, spectrum_id: str) -> NDArray[np.float64]:
        """See `models.analyst.Analyst`."""
        return self._now[0].sketch(spectrum_id)

    def looked(self, spectrum: Spectrum, label: str, redshift: float | None = None) -> Looked:
        """See `models.analyst.Analyst`."""
        return self._now[0].looked(spectrum, label, redshift)

    def run(self, evidence: Evidence, caveats: Sequence[Caveat] = ()) -> Report:
        """See `models.analyst.Analyst`."""
        (report,) = self.run_many([(evidence, caveats)])
        return report

    def run_many(self, items: Sequence[Item]) -> list[Report]:
        """See `models.analyst.Analyst`."""
        analyst, local = self._now
        known = set() if local is None else set(local.rows.objects.tolist()) - {""}
        own = [i for i, (evidence, _) in enumerate(items) if evidence.target.target_id in known]
        if local is None or not own:
            return analyst.run_many(items)
        others = iter(analyst.run_many([item for i, item in enumerate(items) if i not in own]))
        return [self._without(local, item) if i in own else next(others) for i, item in enumerate(items)]

    def _without(self, local: LocalCalibration, item: Item) -> Report:
        rows = local.rows.rows(local.rows.objects != item[0].target.target_id)
        return self._made(applied(self._bundle, replace(local, rows=rows))).run(*item)

    def _made(self, bundle: Bundle) -> Analyst:
        return Analyst(
            bundle,
            regime=self._regime,
            alpha=self._alpha,
            false_alarm_rate=self._rate,
            strategy=self.strategy,
            sets=self.sets,
        )
