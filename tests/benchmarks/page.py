"""The page of what an answer costs: `python -m tests.benchmarks.page FILE`, on one core (`make benchmark-page`)."""

import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from models.analyst import Analyst
from models.bundle import Bundle, load
from models.domain import FINE_CLASSES, Caveat, Evidence, Spectrum
from models.spectral.ensemble import EnsemblePrediction
from models.spectral.prepare import prepare
from tests.models.reference import asked, plain

MANY, ROUNDS, SIZE, PRODUCTS = 64, 7, 1024, 3
ALPHA = 0.05
KINDS = {
    "convolutions": ("mkldnn::_convolution_pointwise", "aten::mkldnn_convolution"),
    "GELU": ("aten::gelu",),
    "group norms and other sums along a spectrum": ("aten::addmv", "aten::mul", "aten::addcmul", "aten::sum"),
    "small layers": ("aten::baddbmm", "aten::bmm"),
}
REST = "all else: inputs, textures, calls"
Items = Sequence[tuple[Evidence, Sequence[Caveat]]]


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
    return total


def measured(works: Mapping[str, tuple[Callable[[], object], int]]) -> dict[str, np.ndarray]:
    """Milliseconds of CPU for one spectrum in each of some rounds, all works by turns in each."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS + 1):
        for name, (work, spectra) in works.items():
            started = time.process_time()
            work()
            if number:  # the first round is the warm-up
                found[name].append(1e3 * (time.process_time() - started) / spectra)
    return {name: np.array(rounds) for name, rounds in found.items()}


def by_operator(work: Callable[[], object]) -> dict[str, float]:
    """Share of the networks' time in each kind of operator, from the quietest of some profiles of each."""
    least: dict[str, float] = {}
    for _ in range(ROUNDS):
        with profile(activities=[ProfilerActivity.CPU]) as told:
            work()
        for event in told.key_averages():
            least[event.key] = min(least.get(event.key, np.inf), event.self_cpu_time_total)
    kinds = dict.fromkeys([*KINDS, REST], 0.0)
    for name, spent in least.items():
        kinds[next((kind for kind, names in KINDS.items() if name in names), REST)] += spent
    total = sum(kinds.values())
    return {kind: spent / total for kind, spent in kinds.items()}


def matching(analyst: Analyst, bundle: Bundle, items: Items, told: EnsemblePrediction, spacing_A: float) -> None:
    """The matches of every spectrum, over the classes that come into question."""
    layer = bundle.matching
    assert layer is not None
    for i, (evidence, _) in enumerate(items):
        label = FINE_CLASSES[int(told.fine[i].argmax())]
        classes = analyst.in_question(told.fine[i], spacing_A)
        layer.matcher.run(layer.question(evidence, None, told, i, label, classes, spacing_A), ALPHA)


def page() -> str:
    """Measure, and say it as Markdown."""
    bundle = load()
    assert bundle.sentinel is not None
    slow = plain(bundle)
    fast_way, slow_way = Analyst(bundle), Analyst(slow)
    rng, wave = np.random.default_rng(0), np.arange(3700.0, 9300.0, 8.0)
    flux = 2 + rng.normal(size=(MANY, wave.size)).cumsum(1) / 50
    spectra = [Spectrum(spectrum_id=str(i), wavelength_A=wave, flux=f) for i, f in enumerate(flux)]
    items, prepared = asked(spectra), [prepare(s) for s in spectra]
    many = bundle.ensemble.predict(prepared)
    one = many.rows(np.arange(MANY) == 0)
    a, b = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    spacing = prepared[0].spacing_A
    rounds = measured(
        {
            "floor": (lambda: [a @ b for _ in range(PRODUCTS)], PRODUCTS),
            "prepare": (lambda: [prepare(s) for s in spectra], MANY),
            "plain networks": (lambda: slow.ensemble.predict(prepared), MANY),
            "plain networks alone": (lambda: slow.ensemble.predict(prepared[:1]), 1),
            "networks": (lambda: bundle.ensemble.predict(prepared), MANY),
            "networks alone": (lambda: bundle.ensemble.predict(prepared[:1]), 1),
            "scores": (lambda: bundle.sentinel.judge(many), MANY),
            "scores alone": (lambda: bundle.sentinel.judge(one), 1),
            "matching": (lambda: matching(fast_way, bundle, items, many, spacing), MANY),
            "matching alone": (lambda: matching(fast_way, bundle, items[:1], one, spacing), 1),
            "neighbours alone": (lambda: bundle.sentinel.analogs.nearest(one.embedding[0]), 1),
            "whole": (lambda: fast_way.run_many(items), MANY),
            "whole alone": (lambda: fast_way.run(items[0][0]), 1),
            "plain whole alone": (lambda: slow_way.run(items[0][0]), 1),
        }
    )
    ms = {name: float(spent.min()) for name, spent in rounds.items()}
    work, speed = operations(bundle), 2e-6 * SIZE**3 / ms["floor"]
    floors = rounds["floor"] * work / (2 * SIZE**3)
    parts = ("networks", "scores", "matching")
    rest = {
        s: ms[f"whole{s}"] - sum(ms[p + s] for p in parts) - ms["prepare"] - ms["neighbours alone"]
        for s in ("", " alone")
    }
    lines = [
        (f"Networks, {len(bundle.ensemble.members)} members", ms["networks alone"], ms["networks"], "networks"),
        ("One network after the other, in padded sixteens", ms["plain networks alone"], ms["plain networks"],
         "plain networks"),
        ("Preparing", ms["prepare"], ms["prepare"], None),
        ("Anomaly scores and their combination", ms["scores alone"], ms["scores"], None),
        ("Matching", ms["matching alone"], ms["matching"], None),
        ("Neighbours in the archive", ms["neighbours alone"], ms["neighbours alone"], None),
        ("Conformal layer and report", rest[" alone"], rest[""], None),
        ("Whole answer", ms["whole alone"], ms["whole"], None),
        ("Whole answer, one network after the other", ms["plain whole alone"], None, None),
    ]  # fmt: skip

    def times(part: str) -> str:
        alone, bulk = (np.median(rounds[name] / floors) for name in (f"{part} alone", part))
        return f"{alone:.1f} and {bulk:.2f}"

    table = "\n".join(
        f"| {name} | {alone:.1f} | {'-' if bulk is None else f'{bulk:.1f}'} | {times(part) if part else '-'} |"
        for name, alone, bulk, part in lines
    )
    shares = "\n".join(
        f"| {kind} | {100 * share:.0f} % |"
        for kind, share in by_operator(lambda: bundle.ensemble.predict(prepared)).items()
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"""# What an answer costs

Milliseconds of CPU time for one spectrum on one core, warm: alone, and as one of {MANY} that are asked together. Made
by `make benchmark-page`; all rows are measured by turns in one run, and the least disturbed of {ROUNDS} rounds counts.
Machines differ, so compare ratios, which are medians over the rounds. The floor is a plain matrix product of
{SIZE} x {SIZE} single-precision numbers: it did {speed:.0f} GFLOP/s; {work / 1e6:.0f} MFLOP of the networks for one
spectrum, as they were trained, take it {floors.min():.1f} ms.

| Part | Alone, ms | Together, ms | Times the floor, alone and together |
|---|---|---|---|
{table}

Where the time of the networks goes in a batch, by PyTorch's profiler:

| Operators | Share |
|---|---|
{shares}

The convolutions run as fast as the matrix product where their weights are in the processor's cache. What is left above
the floor are activations, norms and the calls themselves: a spectrum has to be alone in a convolution so that its
answer does not depend on its company, and one that is asked alone pays for reading every weight. Others at work on the
machine slow the networks more than the floor, which needs less of the cache they share: the quieter the machine, the
smaller the ratio.

The spectra are made up (`{bundle.bundle_id}`, {MANY} random walks). Highest memory of the process, with both ways of
answering loaded: {memory:.0f} MB. Not measured here: cards, a cycle of many spectra, requests and bytes of a marshal,
NEEDLE, archives, and growth with size; `make benchmark` prints those of them that have a benchmark.
"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
