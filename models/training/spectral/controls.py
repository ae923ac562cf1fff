"""Is it physics or the archive? Controls against shortcuts by source, window, resolution and noise."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.domain import FINE_CLASSES
from models.spectral.prepare import GRID_A, GRID_SIZE, PIXEL_A
from models.training.dataset import Dataset
from models.training.metrics import binomial_interval
from models.training.spectral.augment import blur, rescale

SEDM_RESOLUTION, SEDM_PIXEL_A, SEDM_SNR = 100.0, 25.0, 10.0


def degraded(
    data: Dataset,
    *,
    resolution: float | None = None,
    snr: float | None = None,
    window_A: tuple[float, float] | None = None,
    pixel_A: float = SEDM_PIXEL_A,
    seed: int = 0,
    chunk: int = 256,
) -> Dataset:
    """Every spectrum brought to one resolving power, sampling, signal-to-noise per sampled pixel, and window.

    The noise comes on top of the spectrum's own.
    """
    rng = torch.Generator().manual_seed(seed)
    parts, masks = [], []
    for i in range(0, len(data), chunk):
        rows = slice(i, i + chunk)
        mask = torch.from_numpy(np.unpackbits(data.mask[rows], axis=1, count=GRID_SIZE)).float()
        flux = torch.from_numpy(data.flux[rows]).float() + torch.from_numpy(data.floor[rows])[:, None]
        if resolution is not None:
            sigma = 6400.0 / resolution / 2.355 / PIXEL_A
            flux = blur(flux, mask, torch.full((len(flux),), sigma))
        if snr is not None or resolution is not None:
            flux = _sampled(flux, mask, snr, pixel_A, rng)
        if window_A is not None:
            mask = mask * torch.from_numpy((window_A[0] <= GRID_A) & (window_A[1] >= GRID_A)).float()
        parts.append(rescale(flux, mask).clamp(-6e4, 6e4).half().numpy())
        masks.append(np.packbits(mask.numpy() > 0, axis=1))
    return replace(data, flux=np.concatenate(parts), mask=np.concatenate(masks))


def _sampled(
    flux: torch.Tensor, mask: torch.Tensor, snr: float | None, pixel_A: float, rng: torch.Generator
) -> torch.Tensor:
    """Pixels of one width with noise of one level, interpolated linearly back onto the grid."""
    step = pixel_A / PIXEL_A
    position = torch.arange(GRID_SIZE) / step
    low, w = position.floor().long(), position - position.floor()
    n = int(low.max()) + 2
    centre = (torch.arange(n) * step).round().long().clamp(0, GRID_SIZE - 1)
    coarse = flux[:, centre]
    if snr is not None:
        level = (flux.abs() * mask).sum(1) / mask.sum(1).clamp_min(1)
        coarse = coarse + torch.randn(coarse.shape, generator=rng) * (level / snr)[:, None]
    return coarse[:, low] * (1 - w) + coarse[:, low + 1] * w


def source_probe(
    data: Dataset, embedding: NDArray[np.float64], *, smallest: int = 30, seed: int = 0
) -> list[dict[str, Any]]:
    """How well the archive can be told within one class, from the spectra themselves and from the embedding.

    Logistic regression, five folds by object, balanced accuracy; chance is one over the number of archives. The probe
    on the first principal components of the input says what there is to be learnt, the other what was learnt.
    """
    flux = data.flux[:, ::8].astype(float)
    inputs = PCA(n_components=min(64, *flux.shape), random_state=seed).fit_transform(flux)
    rows = []
    for k, name in enumerate(FINE_CLASSES):
        of_class = np.flatnonzero(data.label == k)
        sources = np.array([data.sources[i] for i in of_class])
        frequent = [s for s, n in Counter(sources.tolist()).items() if n >= smallest]
        chosen = of_class[np.isin(sources, frequent)]
        if len(frequent) < 2:
            continue
        target = np.array([data.sources[i] for i in chosen])
        groups = np.array([data.groups[i] for i in chosen])
        found = {
            what: _probe(values[chosen], target, groups)
            for what, values in (("input", inputs), ("embedding", embedding))
        }
        rows.append(
            {"class": name, "archives": len(frequent), "spectra": len(chosen), "chance": 1 / len(frequent), **found}
        )
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in rows]


def _probe(x: NDArray[np.float64], target: NDArray[np.str_], groups: NDArray[np.str_]) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=400, class_weight="balanced"))
    predicted = cross_val_predict(model, x, target, groups=groups, cv=GroupKFold(5))
    return float(balanced_accuracy_score(target, predicted))


def false_alarms_by_instrument(data: Dataset, predicted: NDArray[np.int64], label: str) -> dict[str, Any]:
    """How often other classes, seen with the instruments or by the archives of a class, are taken for it."""
    k = FINE_CLASSES.index(label)
    of_class = data.label == k
    out: dict[str, Any] = {}
    for what, names in (("instrument", data.instruments), ("source", data.sources)):
        values = np.array(names)
        same = np.isin(values, np.unique(values[of_class])) & ~of_class
        hits, n = int((predicted[same] == k).sum()), int(same.sum())
        if n:
            low, high = binomial_interval(hits, n)
            out[what] = {
                "others": n,
                "taken_for_it": hits,
                "rate": round(hits / n, 4),
                "low": round(low, 4),
                "high": round(high, 4),
            }
    return out
