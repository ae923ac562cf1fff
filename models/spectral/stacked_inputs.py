"""What several networks share before their layers, and the textures they are asked for, of many spectra at once."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.spectral.layers import SG_DERIVATIVE, SG_WINDOW, LogBins, log_edges
from models.spectral.prepare import GRID_SIZE


def textures(rows: Sequence[Tensor], seen: Tensor) -> Tensor:
    """As `models.spectral.net.texture`, of spectra of shape (1, channels, 1, positions); (n, 5, channels)."""
    shares = seen / seen.sum(1, keepdim=True)
    pairs, whole = shares[:, 1:] * seen[:, :-1], seen.all(1).tolist()
    found = torch.empty(len(rows), 5, rows[0].shape[1])
    for i, x in enumerate(rows):
        flat = x.view(x.shape[1], -1)
        shown = flat if whole[i] else flat[:, seen[i]]
        mean, square, most, least, step = found[i]
        torch.mv(flat, shares[i], out=mean)
        torch.mv(flat * flat, shares[i], out=square)
        torch.amax(shown, 1, out=most)
        torch.amin(shown, 1, out=least)
        torch.mv(flat.diff().abs_(), pairs[i], out=step)
    found[:, 1] = (found[:, 1] - found[:, 0] * found[:, 0]).clamp_min(0).sqrt()
    return found


def slope(flux: Tensor, mask: Tensor) -> Tensor:
    """As `models.spectral.layers.Derivative`, without PyTorch's slow convolution of a single channel."""
    half, n = SG_WINDOW // 2, flux.shape[1]
    beside, kept = (F.pad(t, (half, half)) for t in (flux, mask))
    steps = [(beside[:, half + k :][:, :n] - beside[:, half - k :][:, :n]) * SG_DERIVATIVE[half + k] for k in (1, 2, 3)]
    pairs = torch.minimum(kept[:, 1:], kept[:, :-1])
    fours = torch.minimum(pairs[:, 2:], pairs[:, :-2])
    return (steps[0] + steps[1] + steps[2]) * torch.minimum(fours[:, 3:], fours[:, :-3])


class Rebin:
    """As `models.spectral.layers.LogBins`: differences of running sums at the edges of the bins."""

    def __init__(self, dense: LogBins) -> None:
        self._width = dense.width.cpu()
        edges = torch.from_numpy(log_edges(len(self._width)))
        self._pixel = edges.long().clamp(0, GRID_SIZE - 1)
        self._part = edges - self._pixel
        self._scale = torch.stack([torch.ones_like(self._width), self._width / self._width.mean()])

    def __call__(self, channels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Flux and derivative (n, 2, 4096), zero where missing, and the mask (n, 4096)."""
        running = F.pad(torch.cat([channels, mask[:, None]], 1).cumsum(2, dtype=torch.float64), (1, 0))
        before, after = (running.index_select(2, self._pixel + k) for k in (0, 1))
        sums = (before + (after - before) * self._part).diff().float()
        covered = sums[:, 2]
        return sums[:, :2] / covered.clamp_min(1.0)[:, None] * self._scale, covered / self._width
