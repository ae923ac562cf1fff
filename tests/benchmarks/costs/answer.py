"""What one answer about a spectrum costs, part by part: alone, and as one of many that are asked together."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from iris_client.quality.control import examine
from models.analyst import Analyst
from models.anomaly_layer import AnomalyLayer, Judged
from models.bundle import Bundle, load
from models.domain import Report, Spectrum
from models.matching.grid import LENGTH, RECIPES, REDSHIFTS
from models.matching.matcher import Asked
from models.sentinel.detector import Sentinel
from models.simulation import draw
from models.spectral.ensemble import EnsemblePrediction
from models.spectral.prepare import Prepared, prepare
from models.verdicts import verdict_of
from tests.benchmarks.costs.measure import SIZE, Work, by_turns, rounded
from tests.models.reference import asked, plain

MANY: Final = 64
ROUNDS: Final = 5
PRODUCT: Final = 2 * SIZE**3
"""Operations of the floor."""
KINDS: Final = {
    "convolutions": ("mkldnn::_convolution_pointwise", "aten::mkldnn_convolution"),
    "GELU": ("aten::gelu",),
    "group norms and other sums along a spectrum": ("aten::addmv", "aten::mul", "aten::addcmul", "aten::sum"),
    "small layers": ("aten::baddbmm", "aten::bmm"),
}
REST: Final = "all else: inputs, textures, calls"


class _Nobody:
    """An archive in which there is nobody: neighbours have a row of their own."""

    def nearest(self, *_: object) -> list[dict[str, object]]:
        """None."""
        return []


def operations(bundle: Bundle) -> int:
    """Floating-point operations of one spectrum through every member; what is the same for all is counted once."""
    nothing, total = torch.zeros(1, 3), 0
    for i, member in enumerate(bundle.ensemble.members):
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            member.net(torch.zeros(1, 4096), torch.ones(1, 4096), nothing, nothing)
        total += counter.get_total_flops()
        if i and member.net.rebin is not None:
            with FlopCounterMode(display=False) as shared, torch.inference_mode():
                member.net.rebin(torch.zeros(1, 2, 4096), torch.ones(1, 4096))
            total -= shared.get_total_flops()
    return int(total)


def by_operator(work: Callable[[], object], rounds: int) -> dict[str, float]:
    """Share of the networks' time in each kind of operator, from the quietest of some profiles of each."""
    least: dict[str, float] = {}
    for _ in range(rounds):
        with profile(activities=[ProfilerActivity.CPU]) as told:
            work()
        for event in told.key_averages():
            least[event.key] = min(least.get(event.key, np.inf), event.self_cpu_time_total)
    kinds = dict.fromkeys([*KINDS, REST], 0.0)
    for name, spent in least.items():
        kinds[next((kind for kind, names in KINDS.items() if name in names), REST)] += spent
    total = sum(kinds.values())
    return {kind: rounded(spent / total) for kind, spent in kinds.items()}


def matching_operations(rows: float) -> float:
    """What matching cannot leave out: an inverse transform for every recipe and row asked, and four sums."""
    return rows * len(RECIPES) * (2.5 * LENGTH * np.log2(LENGTH) + 4 * len(REDSHIFTS))


def simulated(count: int, seed: int = 0) -> list[Spectrum]:
    """Simulated spectra that quality control lets through, one per object."""
    found = []
    for drawn in draw(2 * count, seed):
        spectrum = examine(drawn.raw).spectrum
        if spectrum is not None and prepare(spectrum).coverage >= 0.9:
            found.append(spectrum)
    return found[:count]


def answer(*, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure every part."""
    bundle = load()
    assert bundle.sentinel is not None
    assert bundle.matching is not None
    slow = plain(bundle)
    fast_way, slow_way = Analyst(bundle), Analyst(slow)
    spectra = simulated(MANY)
    items, prepared = asked(spectra), [prepare(s) for s in spectra]
    many = bundle.ensemble.predict(prepared)
    one = many.rows(np.arange(MANY) == 0)
    matcher = bundle.matching.matcher
    questions = [_question(fast_way, s, p, many, i) for i, (s, p) in enumerate(zip(spectra, prepared, strict=True))]
    rows = [np.isin(matcher.bank.label, [*q.classes, q.label]).sum() for q in questions]
    layer = AnomalyLayer(Sentinel(bundle.sentinel.detectors, bundle.sentinel.calibration, _Nobody()))  # type: ignore[arg-type]
    judged = layer.judge(many, [p.spacing_A for p in prepared], [p.extent for p in prepared])
    report = fast_way.run(items[0][0])
    works: dict[str, tuple[Work, int]] = {
        "prepare": (lambda: [prepare(s) for s in spectra], MANY),
        "plain_networks": (lambda: slow.ensemble.predict(prepared), MANY),
        "plain_networks_alone": (lambda: slow.ensemble.predict(prepared[:1]), 1),
        "networks": (lambda: bundle.ensemble.predict(prepared), MANY),
        "networks_alone": (lambda: bundle.ensemble.predict(prepared[:1]), 1),
        "scores": (lambda: bundle.sentinel and bundle.sentinel.judge(many), MANY),
        "scores_alone": (lambda: bundle.sentinel and bundle.sentinel.judge(one), 1),
        "conformal": (_conformal(fast_way, judged, many, prepared), MANY),
        "neighbours": (lambda: [bundle.sentinel and bundle.sentinel.analogs.nearest(e) for e in many.embedding], MANY),
        "matching": (lambda: [matcher.run(q, 0.05) for q in questions], MANY),
        "matching_alone": (lambda: matcher.run(questions[0], 0.05), 1),
        "whole": (lambda: fast_way.run_many(items), MANY),
        "whole_alone": (lambda: fast_way.run(items[0][0]), 1),
        "plain_whole_alone": (lambda: slow_way.run(items[0][0]), 1),
        "looked": (lambda: fast_way.looked(spectra[0], report.verdict.label if report.verdict else ""), 1),
        "card": (_card(fast_way, report, spectra[0]), 1),
    }
    return {
        "bundle": bundle.bundle_id,
        "members": len(bundle.ensemble.members),
        "spectra": MANY,
        "rounds": rounds,
        "operations": {
            "product": PRODUCT,
            "networks": operations(bundle),
            "matching": rounded(matching_operations(float(np.mean(rows)))),
            "matching_alone": rounded(matching_operations(float(rows[0]))),
        },
        "rows_asked": rounded(float(np.mean(rows))),
        "bank": len(matcher.bank),
        "archive": len(bundle.sentinel.analogs.names),
        "parts": by_turns(works, rounds=rounds),
        "operators": by_operator(lambda: bundle.ensemble.predict(prepared), rounds),
    }


def _question(analyst: Analyst, spectrum: Spectrum, own: Prepared, many: EnsemblePrediction, i: int) -> Asked:
    return Asked(
        wavelength_A=spectrum.wavelength_A,
        flux=spectrum.flux,
        spacing_A=own.spacing_A,
        probabilities=many.fine[i],
        embedding=many.embedding[i],
        classes=analyst.in_question(many.fine[i], own.spacing_A, own.extent),
        label=int(many.fine[i].argmax()),
    )


def _conformal(analyst: Analyst, judged: Judged, many: EnsemblePrediction, prepared: Sequence[Prepared]) -> Work:
    """Sets at every alpha, p-values, cell, policy and sentence."""

    def run() -> None:
        for i, own in enumerate(prepared):
            verdict = verdict_of(many, i)
            analyst.in_question(many.fine[i], own.spacing_A, own.extent)
            judged.findings(i, verdict, (verdict.label,))

    return run


def _card(analyst: Analyst, report: Report, spectrum: Spectrum) -> Callable[[], bytes]:
    """The picture of an alert with archive spectra and best match, without where the networks looked."""
    from plugin.cycle.spectra.card import vetting_card

    return lambda: vetting_card(report, spectrum, drawn=analyst.sketch, matched=analyst.matched)
