"""All tests of one stream together: which of them have an alarm, and in what words."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.drift.blocks import BLOCK, Blocks
from models.drift.effect import kolmogorov_smirnov, population_stability
from models.drift.exchangeable import Exchangeability
from models.drift.misses import Misses
from models.drift.seen import Learned, References, Seen

RATE: Final = 0.05
SCORES: Final = ("confidence", "anomaly", "truth")
"""Compared with calibration spectra of the same cell, and with what came since."""
SHARES: Final = ("mix", "refusals", "alerts", "sampling", "unlike")
"""The first four are compared with what came before in this stream: of refusals calibration says nothing, and its mix
of classes and its ALERTs are not promised to be those of any stream."""
TESTS: Final = (*SCORES, *SHARES, "embedding", "coverage")
RECENT: Final = 200
"""Answers that the figures beside an alarm are of."""
NEW_INSTRUMENT: Final = 5
"""Answers of an instrument that was not there among the first `SETTLING` answers, from which on it is told."""
SETTLING: Final = 50
VERSION: Final = 1
_WHAT: Final[Mapping[str, str]] = {
    "confidence": "the answers' confidence is no longer like that of calibration",
    "anomaly": "anomaly scores are no longer like those of calibration",
    "mix": "the mix of classes that is answered has changed",
    "truth": "the probability given to the true class is no longer like that of calibration",
    "refusals": "the share of refusals has changed",
    "alerts": "the share of ALERTs has changed",
    "sampling": "the sampling of the spectra has changed",
    "unlike": "there are spectra of a sampling or coverage for which there are no calibration spectra of their own",
    "embedding": "spectra no longer look to the networks like those of calibration",
    "coverage": "prediction sets miss the true class more often than they promise",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A test that is sure enough.

    Parameters
    ----------
    test : str
        One of `TESTS`, or `instrument NAME`.
    answers : int
        How many answers, or answers with truth, the test had seen by then.
    sentence : str
        For people.
    """

    test: str
    answers: int
    sentence: str


class Monitor:
    """Ten tests of one stream, each with its share of the false-alarm rate.

    Parameters
    ----------
    rate : float
        Probability that a stream without drift raises an alarm within a horizon of 20,000 answers, all tests together
        (a union bound). Then all begins anew.
    seed : int, optional
        Of the numbers that break ties; drawn for each stream unless it is given.
    """

    def __init__(self, rate: float = RATE, seed: int | None = None) -> None:
        if not 0 < rate < 1:
            raise ValueError(f"a false-alarm rate lies between 0 and 1, got {rate}")
        self.rate = rate
        self.answers = self.truths = 0
        self.raised: dict[str, Alarm] = {}
        names = (*SCORES, *SHARES)
        own, *seeds = (int(n) for n in np.random.SeedSequence(seed).generate_state(len(names) + 1))
        self._scores = {name: Exchangeability(drawn) for name, drawn in zip(names, seeds, strict=True)}
        self._blocks, self._misses = Blocks(own), Misses()
        self._recent: dict[str, deque[float]] = {name: deque(maxlen=RECENT) for name in (*SCORES, *SHARES, "miss")}
        self._reference: dict[str, list[float]] = {}
        self._instruments: dict[str, int] = {}
        self._alpha = 0.05

    @property
    def threshold(self) -> float:
        """The capital from which on a test raises its alarm."""
        return len(TESTS) / self.rate

    def begin(self, references: References) -> None:
        """Start from calibration spectra, by cell."""
        pooled: dict[str, list[float]] = {name: [] for name in SCORES}
        for cell, one in references.items():
            for name in SCORES:
                scores = one.nonconformity if name == "truth" else getattr(one, name)
                self._scores[name].begin(cell, scores)
                pooled[name] += scores.tolist()
            self._blocks.begin(cell, one.summary)
        self._scores["unlike"].begin("", [0.0] * len(pooled["confidence"]))
        self._reference = {name: _thinned(scores) for name, scores in pooled.items()}

    def saw(self, seen: Seen) -> list[Alarm]:
        """Take an answer or a refusal in; returns the alarms that it raises."""
        self.answers += 1
        new = [self._share("refusals", float(seen.refused)), *self._instrument(seen.instrument)]
        if not seen.refused:
            new += [self._share("alerts", float(seen.alert)), self._share("unlike", float(seen.unlike))]
            for name in ("confidence", "anomaly", "mix"):
                if (score := getattr(seen, name)) is not None:
                    self._recent[name].append(score)
                    new.append(self._judge(name, self._scores[name].saw(seen.cell, score), self.answers))
            if seen.spacing is not None:
                new.append(self._share("sampling", seen.spacing))
            if seen.summary:
                new.append(self._judge("embedding", self._blocks.saw(seen.cell, seen.summary), self.answers))
        return [alarm for alarm in new if alarm is not None]

    def learned(self, truth: Learned) -> list[Alarm]:
        """Take the truth about an answer in; returns the alarms that it raises."""
        self.truths += 1
        self._recent["truth"].append(truth.nonconformity)
        self._recent["miss"].append(float(truth.misses.get(truth.alpha, False)))
        self._alpha = truth.alpha
        score = self._scores["truth"].saw(truth.cell, truth.nonconformity)
        missed = self._misses.saw(truth.misses, truth.calibration)
        new = [self._judge("truth", score, self.truths), self._judge("coverage", missed, self.truths)]
        return [alarm for alarm in new if alarm is not None]

    def evidence(self) -> Mapping[str, float]:
        """The capital of each test now: 1 says nothing, `threshold` is an alarm."""
        found = {name: test.wealth.value for name, test in self._scores.items()}
        return {**found, "embedding": self._blocks.wealth.value, "coverage": self._misses.wealth.value}

    def figures(self, name: str) -> str:
        """What the last answers say of a test's subject, in words; empty where there is nothing to say."""
        recent = list(self._recent.get(name, ()))
        if name == "coverage":
            missed = list(self._recent["miss"])
            return f"at {self._alpha:g} {int(sum(missed))} of the last {len(missed)} miss" if missed else ""
        if name in ("refusals", "alerts", "unlike") and recent:
            return f"{int(sum(recent))} of the last {len(recent)}"
        if name == "mix" and recent:
            return f"mean probability of SN Ia {sum(recent) / len(recent):.2f} over the last {len(recent)}"
        if name == "sampling" and recent:
            return f"a median pixel of {sorted(recent)[len(recent) // 2]:.1f} A over the last {len(recent)}"
        before = self._reference.get(name)
        if not before or not recent:
            return f"blocks of {BLOCK} answers" if name == "embedding" else ""
        ks, psi = kolmogorov_smirnov(before, recent), population_stability(before, recent)
        return f"the last {len(recent)} against calibration: KS {ks:.2f}, PSI {psi:.2f}"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "version": VERSION,
            "rate": self.rate,
            "alpha": self._alpha,
            "answers": self.answers,
            "truths": self.truths,
            "raised": {k: {"answers": a.answers, "sentence": a.sentence} for k, a in self.raised.items()},
            "scores": {name: test.to_dict() for name, test in self._scores.items()},
            "blocks": self._blocks.to_dict(),
            "misses": self._misses.to_dict(),
            "recent": {name: [round(v, 6) for v in values] for name, values in self._recent.items()},
            "reference": self._reference,
            "instruments": self._instruments,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Monitor":
        """Go on from what `to_dict` gave.

        Raises
        ------
        ValueError
            If it is of another version.
        """
        if state.get("version") != VERSION:
            raise ValueError(f"state of version {state.get('version')}, {VERSION} expected")
        monitor = cls(float(state["rate"]))
        monitor.answers, monitor.truths = int(state["answers"]), int(state["truths"])
        monitor.raised = {k: Alarm(test=k, **v) for k, v in state["raised"].items()}
        for name, test in monitor._scores.items():
            test.restore(state["scores"][name])
        monitor._blocks.restore(state["blocks"])
        monitor._misses.restore(state["misses"])
        for name, values in state["recent"].items():
            monitor._recent[name].extend(values)
        monitor._alpha = float(state["alpha"])
        monitor._reference, monitor._instruments = dict(state["reference"]), dict(state["instruments"])
        return monitor

    def _share(self, name: str, value: float) -> Alarm | None:
        self._recent[name].append(value)
        return self._judge(name, self._scores[name].saw("", value), self.answers)

    def _judge(self, name: str, capital: float, answers: int) -> Alarm | None:
        if capital < self.threshold or name in self.raised:
            return None
        figures = self.figures(name)
        of = "answers with a known class" if name in ("truth", "coverage") else "answers"
        more = f" ({figures})" if figures else ""
        sentence = (
            f"After {answers} {of}: {_WHAT[name]}{more}. Without a change so much evidence has a chance of at most "
            f"1 in {self.threshold:.0f} per {self._scores['truth'].wealth.horizon} answers."
        )
        self.raised[name] = Alarm(test=name, answers=answers, sentence=sentence)
        return self.raised[name]

    def _instrument(self, name: str | None) -> list[Alarm]:
        if not name:
            return []
        known = self._instruments
        if name not in known and self.answers > SETTLING:
            known[name] = -NEW_INSTRUMENT
        known[name] = known.get(name, 0) + 1
        if known[name] != 0 or (test := f"instrument {name}") in self.raised:
            return []
        sentence = f"After {self.answers} answers: {NEW_INSTRUMENT} spectra of an instrument not seen before, {name}."
        self.raised[test] = Alarm(test=test, answers=self.answers, sentence=sentence)
        return [self.raised[test]]


def _thinned(scores: list[float]) -> list[float]:
    """At most `RECENT` scores with the same distribution."""
    ordered = sorted(scores)
    step = max(len(ordered) / RECENT, 1.0)
    return [round(ordered[int(i * step)], 6) for i in range(int(len(ordered) / step))]
