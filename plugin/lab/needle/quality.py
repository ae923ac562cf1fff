"""Training and measuring of the stamp quality checker on the real stamps of a data folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from models.bundle import write_card, write_member
from models.needle.images.quality import SATURATION, THRESHOLD, WEIGHTS, Checker, facts
from models.needle.images.quality_net import network
from models.needle.images.stamps import ImageError, background, central, missing
from models.training.needle.corrupt import SILENT, corrupt
from models.training.needle.quality_training import QualityTraining, Stamps, folds, train
from plugin.lab.needle.stamps import AlertStamps

FOLDS, TEST_FOLD = 3, 0
MAX_SPOILED = 120
DARK_SIGMAS = 5.0
"""A pixel this far below the sky is no sky: each stamp with one was looked at."""
FALSE_ALARMS = 0.02
SEEN_BAD = {("ZTF18aaxkqbx", "science"), ("ZTF18aaxkqbx", "template"), ("ZTF16aaoiphq", "science")}
"""Found bad by eye: a column with a wrong level in both images of the first, a hole at the centre of the second."""
KINDS = ("science", "template")

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Real stamps, science and template as separate samples, with why each is bad."""

    stamps: Stamps
    fact: NDArray[np.bool_]
    """Bad for a reason that needs no network."""
    lost: NDArray[np.bool_]
    """Those of them with missing or saturated pixels."""
    file: tuple[str, ...]
    kind: tuple[str, ...]

    @property
    def only_seen(self) -> NDArray[np.bool_]:
        """Bad with every pixel there and none saturated: dark spots, columns. Here the network has to show itself."""
        return ~self.stamps.good & ~self.lost


def label(alerts: Sequence[AlertStamps]) -> Labelled:
    """Cut every readable stamp to 60x60 and label it."""
    images, names, files, kinds = [], [], [], []
    for alert in alerts:
        for kind in KINDS:
            stamp = None if alert.cutouts is None else getattr(alert.cutouts, kind)
            if stamp is None or alert.cutouts is None:
                continue
            try:
                images.append(central(stamp, alert.cutouts.center_yx))
            except ImageError:
                continue
            names.append(alert.object_id)
            files.append(alert.file)
            kinds.append(kind)
    fact = np.array([bool(facts(image)) for image in images])
    lost = np.array([bool((missing(image) | (image > SATURATION)).any()) for image in images])
    seen = np.array([(n, k) in SEEN_BAD or _dark(i) for n, k, i in zip(names, kinds, images, strict=True)])
    stamps = Stamps(images=np.stack(images), good=~(fact | seen), object_id=names)
    return Labelled(stamps=stamps, fact=fact, lost=lost, file=tuple(files), kind=tuple(kinds))


def train_quality(data: Labelled, config: QualityTraining, out: Path, today: date, report: Report) -> dict[str, Any]:
    """Train on the objects outside the test fold, measure on those in it, write `OUT/needle-quality`; the card."""
    tested = folds(data.stamps.object_id, FOLDS) == TEST_FOLD
    weights = train(data.stamps.part(~tested), config, out / f"{config.kind}-{config.width}.safetensors", report)
    net = network(config.kind, config.width)
    net.load_state_dict(weights)
    checker = Checker(net)
    p = np.where(tested, checker.p_good(data.stamps.images), np.nan)
    figures = measure(data, p) | {"spoiled_on_purpose": spoiled(data.stamps.part(tested), checker)}
    folder = out / f"needle-quality-{config.kind}-{config.width}"
    folder.mkdir(parents=True, exist_ok=True)
    write_member(weights, folder / WEIGHTS)
    return write_card(folder, _card(config, figures, today))


def spoiled(tested: Stamps, checker: Checker) -> dict[str, Any]:
    """Share of test stamps, good ones spoiled on purpose in one way, that the network alone calls bad."""
    good, table = tested.images[tested.good][:MAX_SPOILED], {}
    for kind in SILENT:
        rng = np.random.default_rng(7)
        p = checker.p_good([corrupt(image, rng, kind) for image in good])
        table[kind] = share(p < checker.threshold)
    return table


def measure(data: Labelled, p: NDArray[np.float64]) -> dict[str, Any]:
    """Figures on real stamps only: recall of bad and false alarms, of the network alone and of the final decision.

    At the threshold, and at 2 % false alarms (there the threshold is chosen on these very stamps).
    """
    tested = np.isfinite(p)
    good, seen = data.stamps.good & tested, data.only_seen & tested
    bad = ~data.stamps.good & tested
    limit = float(np.quantile(p[good], FALSE_ALARMS, method="lower"))  # never more false alarms than asked for

    def table(threshold: float) -> dict[str, Any]:
        low = p < threshold
        calls = {"network": low, "lost_or_network": data.lost | low, "facts_or_network": data.fact | low}
        return {
            name: {
                "recall_bad": share(call[bad]),
                "recall_bad_nothing_lost": share(call[seen]),
                "false_alarms": share(call[good]),
            }
            for name, call in calls.items()
        }

    return {
        "stamps": {"good": int(good.sum()), "bad": int(bad.sum()), "bad_nothing_lost": int(seen.sum())},
        "objects": len({o for o, t in zip(data.stamps.object_id, tested, strict=True) if t}),
        "at_threshold": {"threshold": THRESHOLD, **table(THRESHOLD)},
        "at_two_percent_false_alarms": {"threshold": limit, **table(limit)},
        "area_under_roc": _area(p[good], p[bad]),
    }


def share(hits: NDArray[np.bool_]) -> dict[str, Any]:
    """A share with its exact (Clopper-Pearson) 95 % interval."""
    k, n = int(hits.sum()), len(hits)
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return {"k": k, "n": n, "share": k / n if n else None, "low": low, "high": high}


def _dark(image: NDArray[np.float64]) -> bool:
    sky, gone = background(image), missing(image)
    return bool((np.where(gone, sky.level, image) < sky.level - DARK_SIGMAS * sky.sigma).any())


def _area(good: NDArray[np.float64], bad: NDArray[np.float64]) -> float:
    """Probability that a good stamp has a higher P(good) than a bad one."""
    below = np.searchsorted(np.sort(bad), good) + np.searchsorted(np.sort(bad), good, side="right")
    return float(below.mean() / 2 / len(bad))


def _card(config: QualityTraining, figures: dict[str, Any], today: date) -> dict[str, Any]:
    return {
        "name": f"needle-quality-{config.kind}-{config.width}",
        "made": today.isoformat(),
        "net": {"kind": config.kind, "width": config.width},
        "threshold": THRESHOLD,
        "training": config.to_dict(),
        "figures": figures,
        "notes": [
            "Figures: this network on the real stamps of objects it was not trained on (a third of all objects).",
            "Bad: missing or saturated pixels, pixels 5 sigma below the sky, or found by eye. Missing, saturated and "
            "8 sigma below the sky are facts that decide before the network: of those the recall is 1 by definition.",
            "P(good) is corrected from the odds of training to those of the real training stamps.",
            "The standard ResNet-18 has 64 channels in its first stage (11 million weights); 16 make 0.7 million.",
        ],
    }
