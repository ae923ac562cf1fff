"""Streams of answers drawn from real ones, and what the monitor says of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import WHOLE_DOMAINS
from models.conformal.sets import quantile
from models.drift.misses import ALPHAS
from models.drift.monitor import TESTS, Alarm, Monitor
from models.drift.seen import Learned, Reference, Seen, reference, summaries
from models.recalibration.rows import Rows

NIGHT: Final = 20
ALPHA: Final = 0.05
TRUTH: Final = 1 / 3
"""Share of the answers whose truth becomes known."""
REFUSED: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Answers to draw from, in whole domains: first an object, then one of its spectra.

    Parameters
    ----------
    rows : Rows
    weight : ndarray, shape (objects,), or None
        How often each object is drawn; None: equally often.
    """

    rows: Rows
    weight: NDArray[np.float64] | None = None

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Rows of `n` answers, with replacement."""
        names, of_row = np.unique(self.rows.objects, return_inverse=True)
        chosen = rng.choice(len(names), n, p=self.weight)
        order = np.argsort(of_row, kind="stable")
        starts = np.searchsorted(of_row[order], np.arange(len(names) + 1))
        sizes = np.diff(starts)
        return np.asarray(order[starts[chosen] + (rng.random(n) * sizes[chosen]).astype(int)])

    def weighted(self, of_row: NDArray[np.float64]) -> "Pool":
        """The same with objects drawn as often as the weight of their first row says."""
        _, first = np.unique(self.rows.objects, return_index=True)
        return Pool(rows=self.rows, weight=of_row[first] / of_row[first].sum())


class Calibrated:
    """What the service would do on some calibration spectra: cells, thresholds, alerts."""

    def __init__(self, rows: Rows) -> None:
        names = rows.domain_names
        self.references: dict[str, Reference] = {}
        self.limits: dict[str, dict[float, float]] = {}
        self.alerts: dict[str, float] = {}
        self.sizes: dict[str, int] = {}
        for name in WHOLE_DOMAINS:
            mine = rows.rows(names == name)
            if len(mine):
                self.references[name] = reference(
                    mine.fine, mine.label, mine.seed_scores, mine.families, mine.epistemic
                )
                self.limits[name] = {alpha: quantile(mine.nonconformity, alpha) for alpha in ALPHAS}
                self.alerts[name] = float(np.quantile(mine.anomaly, 0.95))
                self.sizes[name] = mine.count_objects()

    def cell(self, domain: str) -> str:
        """What a spectrum of a domain is compared with."""
        return domain if domain in self.references else next(iter(self.references))


def answers(calibrated: Calibrated, rows: Rows, rng: np.random.Generator) -> Iterator[tuple[Seen, Learned | None]]:
    """Each row as the service would have answered it; some are refused, the truth of some becomes known."""
    summary = summaries(rows.families, rows.anomaly, 1.0 - rows.fine.max(1), rows.epistemic)
    domains, anomaly, top = rows.domain_names, rows.anomaly, rows.fine.max(1)
    for i in range(len(rows)):
        cell = calibrated.cell(str(domains[i]))
        if rng.random() < REFUSED:
            yield Seen(refused=True), None
            continue
        score = 1.0 if rows.label[i] < 0 else float(1.0 - rows.fine[i, rows.label[i]])
        known = None
        if rng.random() < TRUTH:
            known = Learned(
                cell=cell,
                nonconformity=score,
                misses={a: bool(rows.label[i] < 0 or score > q) for a, q in calibrated.limits[cell].items()},
                alpha=ALPHA,
                calibration=calibrated.sizes[cell],
            )
        yield (
            Seen(
                cell=cell,
                confidence=float(1.0 - top[i]),
                anomaly=float(anomaly[i]),
                mix=float(rows.fine[i, 0]),
                summary=tuple(summary[i].tolist()),
                spacing=float(rows.spacing[i]),
                alert=bool(anomaly[i] >= calibrated.alerts[cell]),
                unlike=cell != domains[i],
            ),
            known,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one stream.

    Parameters
    ----------
    early : tuple of str
        Tests with an alarm before the change.
    delay : mapping of str to int
        Answers (refusals included) from the change to the alarm of each test that had one.
    """

    early: tuple[str, ...]
    delay: dict[str, int]

    @property
    def first(self) -> int | None:
        """To the first alarm of any test; None for none."""
        return min(self.delay.values(), default=None)


def follow(calibrated: Calibrated, before: Rows, after: Rows, rng: np.random.Generator, rate: float) -> Outcome:
    """A stream of `before` and then `after`, with all tests watching from the first answer."""
    monitor = Monitor(rate, seed=int(rng.integers(2**31)))
    monitor.begin(calibrated.references)
    early: list[str] = []
    delay: dict[str, int] = {}
    for rows, note in ((before, None), (after, delay)):
        for number, (seen, known) in enumerate(answers(calibrated, rows, rng), 1):
            raised: list[Alarm] = monitor.saw(seen)
            raised += [] if known is None else monitor.learned(known)
            for alarm in raised:
                if note is None:
                    early.append(alarm.test)
                else:
                    note[alarm.test] = number
    assert set(delay) <= set(TESTS)
    return Outcome(early=tuple(early), delay=delay)
