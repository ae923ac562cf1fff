"""The figures of `astranet evaluate drift`: false alarms, delays, and what recalibration mends."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import HIGH, LOW
from models.drift.monitor import RATE, TESTS
from models.recalibration.checks import ALPHAS
from models.recalibration.propose import propose
from models.recalibration.rows import Rows
from models.recalibration.sets import held, members
from models.training.metrics import binomial_band, binomial_interval
from plugin.lab.drift.answers import Started
from plugin.lab.drift.streams import ALPHA, NIGHT, Calibrated, Pool, follow

NIGHTS: Final = 1000
RUNS: Final = 40
REPEATS: Final = 20
AFTER: Final = 1500
RARE_SHARE: Final = 0.2
LABELLED: Final = 300
FLIPPED: Final = (0.05, 0.1, 0.2, 0.5)
Floats = NDArray[np.float64]


def false_alarms(both: Rows, *, started: Started, runs: int = RUNS, seed: int = 1) -> dict[str, Any]:
    """Streams without drift: calibration spectra and every answer are drawn from the same objects.

    Parameters
    ----------
    both : Rows
        Calibrate and test split together, each object once or more.
    """
    pool, alarms = Pool(rows=both), []
    with started("streams without drift", runs) as advance:
        for run in range(runs):
            rng = np.random.default_rng((seed, run))
            size = len(set(both.objects.tolist())) // 2
            calibration = both.rows(pool.draw(rng, size))
            stream = both.rows(pool.draw(rng, NIGHTS * NIGHT))
            nothing = stream.rows(np.arange(0))
            own = Calibrated(_each_its_own(calibration))
            alarms.append(follow(own, stream, nothing, rng, RATE).early)
            advance(1)
    raised = sum(bool(found) for found in alarms)
    low, high = binomial_interval(raised, runs)
    return {
        "rate": RATE,
        "nights": NIGHTS,
        "answers": NIGHTS * NIGHT,
        "runs": runs,
        "with_alarm": raised,
        "low": round(low, 4),
        "high": round(high, 4),
        "alarms_a_night": round(sum(map(len, alarms)) / (runs * NIGHTS), 6),
        "tests": {name: sum(name in found for found in alarms) for name in TESTS},
    }


def delays(both: Rows, disturbed: Mapping[str, Rows], rare: Rows, *, started: Started) -> list[dict[str, Any]]:
    """How many answers after each change the first alarm comes, and the first that rests on truth.

    Parameters
    ----------
    both : Rows
        Calibrate and test split together.
    disturbed : mapping of str to Rows
        The same spectra, or some of them, disturbed; objects have the same names.
    """
    changes: dict[str, Callable[[_Dealt], tuple[Calibrated, Rows, Rows]]] = {
        "none": lambda d: (d.calibrated(), d.before(), d.rest()),
        "the SED Machine's share grows to 0.7": lambda d: (d.calibrated(), d.before(), d.sedm_grows(0.7)),
        "resolution halved (the SED Machine's spectra, R 50)": lambda d: (
            d.calibrated(LOW),
            d.before(LOW),
            d.after(disturbed["halved"]),
        ),
        "flux tilted by wavelength squared": lambda d: (d.calibrated(), d.before(), d.after(disturbed["tilted"])),
        "class mix: others than SN Ia four times as frequent": lambda d: (d.calibrated(), d.before(), d.mix_changes(4)),
        "types that nobody trained appear, one answer in five": lambda d: (
            d.calibrated(),
            d.before(),
            _with(d.rng, d.after(both), rare, RARE_SHARE),
        ),
        "calibrated on archive spectra: archive, then the SED Machine": lambda d: (
            d.calibrated(HIGH),
            d.before(HIGH),
            d.after(both, LOW),
        ),
        "calibrated on archive spectra: the SED Machine from the first night": lambda d: (
            d.calibrated(HIGH),
            d.first.rows(np.arange(0)),
            d.after(both, LOW),
        ),
    }
    rows = []
    for number, (name, change) in enumerate(changes.items()):
        with started(name, REPEATS) as advance:
            found = []
            for repeat in range(REPEATS):
                rng = np.random.default_rng((7, number, repeat))
                calibrated, before, after = change(_Dealt(both, rng))
                found.append(follow(calibrated, before, after, rng, RATE))
                advance(1)
        rows.append({"change": name, "repeats": REPEATS} | _summed(found))
    return rows


class _Dealt:
    """Objects dealt anew: half to calibrate on, the others to answer; of these some before a change, others after it.

    Without a change calibration and stream are so exchangeable that a test may not find a difference.
    """

    def __init__(self, both: Rows, rng: np.random.Generator) -> None:
        self.rng, self._both = rng, both
        order = rng.permutation(len(both))
        _, first = np.unique(both.objects[order], return_index=True)
        once = both.rows(order[rng.permutation(first)])  # one spectrum of each object, in any order
        half, quarter = len(once) // 2, len(once) // 4
        self.calibration = once.rows(np.arange(half))
        self.first, self.second = (
            once.rows(np.arange(half, half + quarter)),
            once.rows(np.arange(half + quarter, len(once))),
        )

    def calibrated(self, domain: str | None = None) -> Calibrated:
        """On the first half, or its spectra of one domain."""
        return Calibrated(_only(self.calibration, domain))

    def before(self, domain: str | None = None) -> Rows:
        """Each object once."""
        return _only(self.first, domain)

    def rest(self) -> Rows:
        """Without a change: each of the other objects once."""
        return self.second

    def after(self, spectra: Rows, domain: str | None = None) -> Rows:
        """With replacement, from these spectra of the other objects."""
        mine = spectra.rows(np.isin(spectra.objects, self.second.objects))
        return _of(self.rng, _only(mine, domain), AFTER)

    def sedm_grows(self, share: float) -> Rows:
        """More of the SED Machine's spectra among archive spectra."""
        low = _only(self.second, LOW)
        return _with(self.rng, _of(self.rng, _only(self.second, HIGH), AFTER), low, share)

    def mix_changes(self, times: float) -> Rows:
        """Other classes than SN Ia so many times as often."""
        weight = np.where(self.second.label == 0, 1.0, times)
        return self.second.rows(Pool(rows=self.second).weighted(weight).draw(self.rng, AFTER))


def _only(rows: Rows, domain: str | None) -> Rows:
    return rows if domain is None else rows.rows(rows.domain_names == domain)


def _summed(found: Any) -> dict[str, Any]:
    by_test = {t: [o.delay[t] for o in found if t in o.delay] for t in TESTS}
    truth = [min(o.delay[t] for t in ("truth", "coverage") if t in o.delay) for o in found
             if {"truth", "coverage"} & set(o.delay)]  # fmt: skip
    first = [o.first for o in found if o.first is not None]
    return {
        "early": sum(bool(o.early) for o in found),
        "detected": len(first),
        "median": _middle(first),
        "latest": max(first, default=None),
        "truth_detected": len(truth),
        "truth_median": _middle(truth),
        "truth_latest": max(truth, default=None),
        "tests": {t: {"detected": len(d), "median": _middle(d)} for t, d in by_test.items() if d},
    }


def _middle(values: list[int]) -> int | None:
    return int(np.median(values)) if values else None


def recalibration(calibrate: Rows, test: Rows, *, started: Started) -> dict[str, Any]:
    """The SED Machine's spectra, answered on cells of archive spectra, before and after 300 of them are labelled."""
    shipped = calibrate.rows(calibrate.domain_names == HIGH)
    both = Rows.joined([calibrate, test])
    sedm = both.rows(both.domain_names == LOW)
    names = np.unique(sedm.objects)
    splits: list[dict[str, Any]] = []
    with started("recalibrate", REPEATS) as advance:
        for repeat in range(REPEATS):
            rng = np.random.default_rng((11, repeat))
            order = {name: i for i, name in enumerate(rng.permutation(names))}
            place = np.array([order[name] for name in sedm.objects])
            last = np.sort(place)[LABELLED - 1]  # whole objects: a few spectra more than 300 where one has several
            own, new = sedm.rows(place <= last), sedm.rows(place > last)
            proposal = propose(shipped, own, alpha=ALPHA)
            splits.append(
                {
                    "own": len(own),
                    "new": len(new),
                    "objects": (own.count_objects(), new.count_objects()),
                    "adopted": proposal.ok,
                    "failed": [c.name for c in proposal.checks if not c.ok],
                    "before": _covered(shipped, new),
                    "after": _covered(proposal.rows, new),
                    "shuffled": _refused(shipped, own, 1.0, rng),
                    **{f"flipped {share:g}": _refused(shipped, own, share, rng) for share in FLIPPED},
                }
            )
            advance(1)
    return {
        "spectra": len(sedm),
        "objects": len(names),
        "labelled": [min(s["own"] for s in splits), max(s["own"] for s in splits)],
        "repeats": REPEATS,
        "adopted": sum(s["adopted"] for s in splits),
        "refused": {k: sum(s[k] for s in splits) for k in ("shuffled", *(f"flipped {s:g}" for s in FLIPPED))},
        "alphas": [_alpha_row(splits, i, alpha) for i, alpha in enumerate(ALPHAS)],
        "failed": sorted({name for s in splits for name in s["failed"]}),
    }


def _alpha_row(splits: list[dict[str, Any]], i: int, alpha: float) -> dict[str, Any]:
    low, high = zip(*(binomial_band(1 - alpha, s["new"]) for s in splits), strict=True)
    spread = [1.96 * np.sqrt(alpha * (1 - alpha) * sum(1 / n for n in s["objects"])) for s in splits]
    after = np.array([s["after"][i]["coverage"] for s in splits])
    row: dict[str, Any] = {
        "alpha": alpha,
        "low": round(float(np.mean(low)), 4),
        "high": round(float(np.mean(high)), 4),
        "wide_low": round(float(1 - alpha - np.mean(spread)), 4),
        "wide_high": round(float(min(1 - alpha + np.mean(spread), 1.0)), 4),
        "after_inside_wide": int((np.abs(after - (1 - alpha)) <= spread).sum()),
    }
    for when in ("before", "after"):
        shares = np.array([s[when][i]["coverage"] for s in splits])
        row[when] = round(float(shares.mean()), 4)
        row[f"{when}_spread"] = round(float(shares.std()), 4)
        row[f"{when}_inside"] = int(((shares >= low) & (shares <= high)).sum())
        row[f"{when}_size"] = round(float(np.mean([s[when][i]["size"] for s in splits])), 3)
    return row


def _covered(calibration: Rows, rows: Rows) -> list[dict[str, float]]:
    return [
        {
            "coverage": float(held(calibration, rows, alpha).mean()),
            "size": float(members(calibration, rows, alpha).sum(1).mean()),
        }
        for alpha in ALPHAS
    ]


def _refused(shipped: Rows, own: Rows, share: float, rng: np.random.Generator) -> bool:
    """Whether labels of which a share has changed places among themselves are refused."""
    chosen = np.flatnonzero(rng.random(len(own)) < share) if share < 1 else np.arange(len(own))
    label = own.label.copy()
    label[chosen] = label[rng.permutation(chosen)]
    bad = replace(own, label=label)
    return not propose(shipped, bad, alpha=ALPHA).ok


def _each_its_own(rows: Rows) -> Rows:
    """Rows drawn with replacement count as objects of their own."""
    names = np.array([f"{i}" for i in range(len(rows))])
    return replace(rows, objects=names)


def _of(rng: np.random.Generator, rows: Rows, n: int) -> Rows:
    return rows.rows(Pool(rows=rows).draw(rng, n))


def _with(rng: np.random.Generator, rows: Rows, others: Rows, share: float) -> Rows:
    """Some of the rows replaced by others."""
    replaced = rng.random(len(rows)) < share
    both = Rows.joined([rows, _of(rng, others, int(replaced.sum()))])
    index = np.arange(len(rows))
    index[replaced] = len(rows) + np.arange(int(replaced.sum()))
    return both.rows(index)
