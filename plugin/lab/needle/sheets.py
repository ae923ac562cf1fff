"""Every real alert through the image pipeline: counts of answers and reasons, and contact sheets to look at."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.needle.images.mask import mask_pair
from models.needle.images.prepare import PreparedImages, prepare
from models.needle.images.quality import Checker
from models.needle.images.restore import Restored, restore
from models.needle.images.stamps import FloatImage, stretch
from plugin.lab.needle.quality import Labelled, label
from plugin.lab.needle.stamps import ARRAYS, AlertStamps, read_stamps

ROWS = 20
_REASONS = (
    "own pixels are bad",
    "beside the transient bad",
    "of the pixels bad in both",
    "restored too",
    "not known where",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture of a sheet."""

    image: NDArray[Any]
    title: str
    low: float = -1.0
    high: float = 3.0


def evaluate_images(data: Path, out: Path, checker: Checker, advance: Callable[[int], None]) -> dict[str, Any]:
    """Prepare every alert of `DATA/ztf`, write `images.json`, `images.jsonl` and three sheets to `out`."""
    alerts = read_stamps(data)
    out.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Counter[str]] = {"packets": Counter(), "arrays": Counter()}
    with (out / "images.jsonl").open("w", encoding="utf-8") as file:
        for alert, found in prepared(alerts, checker):
            counts["arrays" if alert.file == ARRAYS else "packets"][outcome(found)] += 1
            file.write(json.dumps(_row(alert, found)) + "\n")
            advance(1)
    summary = {name: {"total": c.total(), **dict(sorted(c.items()))} for name, c in counts.items()}
    (out / "images.json").write_text(json.dumps(summary, indent=2) + "\n")
    labelled = label(alerts)
    draw(quality_panels(labelled, checker), 10, out / "quality.png")
    draw(restoration_panels(labelled, checker), 10, out / "restoration.png")
    draw(masking_panels(labelled, checker), 10, out / "masking.png")
    return summary


def prepared(alerts: Sequence[AlertStamps], checker: Checker) -> "list[tuple[AlertStamps, PreparedImages]]":
    """Prepare the images of each alert, with earlier alerts of the same object and band to fall back on."""
    known: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for alert in alerts:
        if alert.cutouts is not None:
            known[alert.object_id, alert.cutouts.band].append(alert.cutouts)
    out = []
    for alert in alerts:
        if alert.cutouts is None:
            epochs = []
        else:
            same = known[alert.object_id, alert.cutouts.band]
            epochs = [c for c in same if c.mjd < alert.cutouts.mjd] + [alert.cutouts]
        out.append((alert, prepare(epochs, checker)))
    return out


def outcome(found: PreparedImages) -> str:
    """One of a few words that tell how an alert came out."""
    if found.pair is None:
        text = found.caveats[0].text
        if "no readable" in text or "unreadable" in text:
            return "no answer: stamps unreadable"
        return f"no answer: {_why(text)}"
    if found.restored:
        return "restored"
    return "earlier epoch" if found.caveats else "as it is"


def _why(text: str) -> str:
    return next((known for known in _REASONS if known in text), "no epoch with stamps")


def _row(alert: AlertStamps, found: PreparedImages) -> dict[str, Any]:
    return {
        "object_id": alert.object_id or None,
        "file": alert.file,
        "candid": alert.cutouts.candid if alert.cutouts else None,
        "outcome": outcome(found),
        "quality": None if found.quality is None else round(found.quality, 4),
        "caveats": [{"code": c.code, "text": c.text} for c in (*alert.caveats, *found.caveats)],
    }


def quality_panels(data: Labelled, checker: Checker) -> list[Panel]:
    """Bad stamps and good ones, each with the lowest and the highest P(good)."""
    p, panels = checker.p_good(data.stamps.images), []
    for name, rows in (
        ("fact", data.fact),
        ("seen", data.only_seen),
        ("good", data.stamps.good),
    ):
        order = np.flatnonzero(rows)[np.argsort(p[rows])]
        for i in (*order[:20], *order[-10:]):
            title = f"{name} {data.stamps.object_id[i][-9:]} {data.kind[i][0]} P {p[i]:.2f}"
            panels.append(Panel(image=stretch(data.stamps.images[i]), title=title))
    return panels


def restoration_panels(data: Labelled, checker: Checker) -> list[Panel]:
    """Real bad stamps: the bad one, its partner, what was replaced (grey) or filled (white), the result."""
    rng, panels, of_kind = np.random.default_rng(1), [], Counter[str]()
    for i in rng.permutation(np.flatnonzero(~data.stamps.good)):
        partner = _partner(data, int(i))
        if partner is None:
            continue
        bad, good = data.stamps.images[i], data.stamps.images[partner]
        found = restore(bad, good, np.random.default_rng(1))
        kind = _restoration_kind(found, bool(data.fact[i]))
        if of_kind[kind] >= ROWS // 5 * 2:
            continue
        of_kind[kind] += 1
        title = f"{data.stamps.object_id[i][-9:]} {data.kind[i]}"
        panels += _restoration_row(title, bad, good, found, checker)
        if sum(of_kind.values()) == ROWS * 2:
            break
    return panels


def _restoration_kind(found: Restored, fact: bool) -> str:
    if found.image is None:
        return "given up"
    if not fact:
        return "seen"
    return "replaced" if found.replaced.sum() > found.noise.sum() else "noise"


def _restoration_row(title: str, bad: FloatImage, good: FloatImage, found: Restored, checker: Checker) -> list[Panel]:
    before, other = checker.p_good([bad, good])
    map_ = found.replaced + 2.0 * found.noise
    result = Panel(image=np.zeros_like(bad), title=found.reason[:34])
    if found.image is not None:
        quality = checker.judge([found.image])[0]
        result = Panel(image=stretch(found.image), title=f"{'good' if quality.good else 'BAD'} P {quality.p_good:.2f}")
    return [
        Panel(image=stretch(bad), title=f"{title} P {before:.2f}"),
        Panel(image=stretch(good), title=f"partner P {other:.2f}"),
        Panel(image=map_, title=f"{int(found.replaced.sum())} replaced", low=0, high=2),
        Panel(image=map_, title=f"{int(found.noise.sum())} noise", low=1, high=2),
        result,
    ]


def masking_panels(data: Labelled, checker: Checker) -> list[Panel]:
    """Twenty pairs from the emptiest to the most crowded field: science, reference, kept, both masked."""
    pairs = []
    for i in np.flatnonzero(data.stamps.good & (np.array(data.kind) == "science")):
        partner = _partner(data, int(i))
        if partner is not None and data.stamps.good[partner]:
            pairs.append((int(i), partner))
    crowd = [float((stretch(data.stamps.images[j]) > 1).mean()) for _, j in pairs]
    order = np.argsort(crowd)
    panels = []
    for k in order[np.linspace(0, len(order) - 1, ROWS).astype(int)]:
        i, j = pairs[k]
        science, reference = data.stamps.images[i], data.stamps.images[j]
        pair = mask_pair(science, reference, np.random.default_rng(1))
        panels += [
            Panel(image=stretch(science), title=f"{data.stamps.object_id[i][-9:]} science"),
            Panel(image=stretch(reference), title="reference"),
            Panel(image=pair.kept, title=f"{int(pair.kept.sum())} kept", low=0, high=1),
            Panel(image=stretch(pair.science), title="whole" if pair.host_whole else "cut by the edge"),
            Panel(image=stretch(pair.reference), title="reference, matched"),
        ]
    return panels


def draw(panels: Sequence[Panel], columns: int, path: Path) -> None:
    """Draw panels row by row."""
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(columns * 1.6, rows * 1.8), layout="constrained")
    for axis, panel in zip(np.ravel(figure.subplots(rows, columns)), panels, strict=False):
        axis.imshow(panel.image, origin="lower", cmap="gray", vmin=panel.low, vmax=panel.high)
        axis.set_title(panel.title, fontsize=7)
    for axis in figure.axes:
        axis.set_axis_off()
    figure.savefig(path, dpi=80)


def _partner(data: Labelled, i: int) -> int | None:
    """The other image of the same alert."""
    j = i + 1 if data.kind[i] == "science" else i - 1
    if not 0 <= j < len(data.kind) or data.kind[j] == data.kind[i] or data.file[j] != data.file[i]:
        return None
    return j if data.stamps.object_id[j] == data.stamps.object_id[i] else None
