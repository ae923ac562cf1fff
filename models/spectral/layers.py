"""The blocks of the network (ASTRANet paper, App. A), each next to its formula.

A sequence is a tensor of shape (batch, channels, 1, length) in channels-last memory: PyTorch's two-dimensional kernels
in that layout are several times faster on CPUs than its one-dimensional ones, and compute the same.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.spectral.prepare import GRID_SIZE, WINDOW_A

SG_WINDOW = 7
SG_DERIVATIVE = np.array([22.0, -67.0, -58.0, 0.0, 58.0, 67.0, -22.0]) / 252.0
"""Taps of the first derivative of that window and order 3 (Savitzky & Golay 1964, Anal. Chem. 36, 1627)."""


class Conv(nn.Conv2d):
    """One-dimensional convolution of a (batch, channels, 1, length) tensor that keeps its length."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, dilation: int = 1) -> None:
        super().__init__(inputs, outputs, (1, kernel), padding=(0, dilation * (kernel // 2)), dilation=(1, dilation))


class Derivative(nn.Module):
    """Savitzky-Golay first derivative (window 7, order 3) along the grid, per pixel; zero where a pixel is missing."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.from_numpy(SG_DERIVATIVE.astype(np.float32))
        self.register_buffer("kernel", taps[None, None], persistent=False)

    def forward(self, flux: Tensor, mask: Tensor) -> Tensor:
        """Take flux and mask of shape (batch, length); give the derivative, same shape."""
        half = SG_WINDOW // 2
        slope = F.conv1d(F.pad(flux[:, None], (half, half)), self.kernel)[:, 0]
        # A window that reaches over an edge would see the zero filling as a cliff.
        whole = -F.max_pool1d(-F.pad(mask[:, None], (half, half)), SG_WINDOW, stride=1)[:, 0]
        return slope * whole


class LogBins(nn.Module):
    """Averages of the measured pixels in bins of equal width in log wavelength.

    The second channel, a derivative per grid pixel, becomes one per bin of that wavelength's width, so that both
    channels of a redshifted line look like those of the line at rest.
    """

    overlap: Tensor
    width: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        overlap, width = _log_bins(bins)
        self.register_buffer("overlap", torch.from_numpy(overlap), persistent=False)
        self.register_buffer("width", torch.from_numpy(width), persistent=False)

    def forward(self, channels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Bin flux and derivative (batch, 2, 4096), zero where missing, and the mask (batch, 4096)."""
        with torch.autocast(channels.device.type, enabled=False):
            sums = torch.cat([channels, mask[:, None]], 1).float() @ self.overlap
        covered = sums[:, 2]
        means = sums[:, :2] / covered.clamp_min(1.0)[:, None]
        scale = torch.stack([torch.ones_like(self.width), self.width / self.width.mean()])
        return means * scale, covered / self.width


def log_edges(bins: int) -> np.ndarray:
    """Edges of the bins in pixels, (bins + 1,): pixel i reaches from i to i + 1, and the window from 0 to GRID_SIZE."""
    edges: np.ndarray = GRID_SIZE * (np.geomspace(*WINDOW_A, bins + 1) - WINDOW_A[0]) / (WINDOW_A[1] - WINDOW_A[0])
    return edges


@cache
def _log_bins(bins: int) -> tuple[np.ndarray, np.ndarray]:
    """How much of each pixel lies in each bin, (4096, bins), and the bins' widths in pixels; float32.

    Every network of an ensemble has the same bins: they share these arrays, which nothing changes.
    """
    edges = log_edges(bins)
    pixel = np.arange(GRID_SIZE)[:, None]
    overlap = np.clip(np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel), 0, None)
    return overlap.astype(np.float32), np.diff(edges).astype(np.float32)


def dropout_layer(p: float, whole_channels: bool) -> nn.Module:
    """Dropout of single values as in the paper, or of whole channels, which costs a third less time on a CPU."""
    return nn.Dropout2d(p) if whole_channels else nn.Dropout(p)


class StemBranch(nn.Sequential):
    """Convolution, group norm, GELU, dropout at one of the three scales of the stem."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dropout: nn.Module) -> None:
        super().__init__(Conv(inputs, outputs, kernel), nn.GroupNorm(8, outputs), nn.GELU(), dropout)


class Stem(nn.Module):
    """Parallel kernels for lines, P Cygni profiles and continuum; fused by 1x1, pooled, expanded (App. A a)."""

    def __init__(
        self,
        inputs: int,
        kernels: tuple[int, ...],
        branch: int,
        base: int,
        outputs: int,
        downsample: int,
        dropout: float,
        whole_channels: bool,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            StemBranch(inputs, branch, k, dropout_layer(dropout, whole_channels)) for k in kernels
        )
        self.fuse = Conv(branch * len(kernels), base, 1)
        self.pool = nn.AvgPool2d((1, downsample))
        self.project = Conv(base, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, 1, length) -> (batch, outputs, 1, length / downsample)."""
        together = torch.cat([branch(x) for branch in self.branches], dim=1)
        # Averaging commutes with a 1x1 convolution, and first makes the latter `downsample` times cheaper.
        return self.project(self.fuse(self.pool(together)))


class TCNBlock(nn.Module):
    """Two convolutions, the first dilated by `2^(i mod 6)`, with a skip and stochastic depth (App. A b)."""

    def __init__(
        self, channels: int, kernel: int, dilation: int, dropout: float, whole_channels: bool, drop_path: float
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Conv(channels, channels, kernel, dilation=dilation),
            nn.GroupNorm(8, channels),
            nn.GELU(),
            dropout_layer(dropout, whole_channels),
            Conv(channels, channels, kernel),
            nn.GroupNorm(8, channels),
            nn.GELU(),
        )
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        """Add the body to the input; in training, leave the body out for a random share of the samples."""
        y = self.body(x)
        if self.training and self.drop_path > 0:
            keep = torch.rand(x.shape[0], 1, 1, 1, device=x.device) >= self.drop_path
            y = y * (keep / (1 - self.drop_path)).to(y.dtype)
        return x + y


class Metadata(nn.Module):
    """Phase, redshift and instrument, each optional, to a conditioning vector (App. A c).

    The paper gives the MLP's input as 28; the three encodings it lists with one validity bit each make 23.
    """

    PHASE_DAYS, REDSHIFT, INSTRUMENT = range(3)

    def __init__(self, instruments: int = 16, instrument_dim: int = 16, hidden: int = 128, outputs: int = 64) -> None:
        super().__init__()
        inputs = 4 + 2 + instrument_dim + 1
        self.instrument = nn.Embedding(instruments, instrument_dim)
        self.first = nn.Sequential(nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.GELU())
        self.second = nn.Sequential(nn.Linear(hidden, outputs), nn.LayerNorm(outputs), nn.GELU())
        self.residual = nn.Linear(inputs, outputs)

    def forward(self, values: Tensor, valid: Tensor) -> Tensor:
        """Encode values (batch, 3: phase in days, redshift, instrument number), validity (batch, 3; 0 or 1)."""
        encoded = self.encoded(values, valid, self.instrument.weight)
        out: Tensor = self.second(self.first(encoded)) + self.residual(encoded)
        return out

    def encoded(self, values: Tensor, valid: Tensor, instruments: Tensor) -> Tensor:
        """What the layers see of the metadata, (batch, 23); `instruments` holds a row for each instrument number."""
        valid = valid.to(values.dtype)
        phase = values[:, self.PHASE_DAYS] / 30.0
        has_phase, has_z, has_instrument = valid.unbind(1)
        return torch.cat(
            [
                torch.stack([phase.sin(), phase.cos(), phase.tanh()], 1) * has_phase[:, None],
                has_phase[:, None],
                (torch.tanh(5 * values[:, self.REDSHIFT]) * has_z)[:, None],
                has_z[:, None],
                F.embedding(values[:, self.INSTRUMENT].long(), instruments) * has_instrument[:, None],
                has_instrument[:, None],
            ],
            dim=1,
        )


class FiLM(nn.Module):
    """`x * (1 + gamma(c)) + beta(c)` (Eq. A1), the identity at the start of training."""

    def __init__(self, conditioning: int, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Linear(conditioning, channels)
        self.beta = nn.Linear(conditioning, channels)
        for layer in (self.gamma, self.beta):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Modulate x of shape (batch, channels, ...) by c of shape (batch, conditioning)."""
        shape = (x.shape[0], x.shape[1], *([1] * (x.ndim - 2)))
        return x * (1 + self.gamma(c).view(shape)) + self.beta(c).view(shape)


class AttentionPool(nn.Module):
    """Each head scores every position and takes the weighted mean of its channels (App. A d)."""

    def __init__(self, channels: int, heads: int, outputs: int, dropout: float, *, attend: bool = True) -> None:
        super().__init__()
        self.heads, self.width, self.attend = heads, channels // heads, attend
        hidden = self.width // 2
        self.score = nn.ModuleList(
            nn.Sequential(nn.Linear(self.width, hidden), nn.GELU(), nn.Linear(hidden, 1)) for _ in range(heads)
        )
        self.out = nn.Sequential(nn.Linear(channels, outputs), nn.LayerNorm(outputs), nn.Dropout(dropout))

    def forward(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Pool x (batch, channels, 1, positions), with `seen` (batch, positions) saying which hold any pixel.

        Returns
        -------
        pooled : Tensor, shape (batch, outputs)
        entropy : Tensor, shape (batch,)
            Mean over heads of the entropy of the attention weights, nats.
        """
        parts = x.squeeze(2).transpose(1, 2).float().split(self.width, dim=2)
        logits = torch.stack([score(p)[..., 0].float() for score, p in zip(self.score, parts, strict=True)], 1)
        # Equal scores are the mean over the measured positions, which the ablation compares with.
        logits = (logits * self.attend).masked_fill(~seen[:, None], float("-inf"))
        log_alpha = logits.log_softmax(-1)
        alpha = log_alpha.exp()
        pooled = torch.cat([(alpha[:, h, :, None] * p).sum(1) for h, p in enumerate(parts)], 1)
        entropy = -(alpha * log_alpha.masked_fill(~seen[:, None], 0.0)).sum(-1).mean(1)
        return self.out(pooled), entropy


def mlp(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """Two layers with layer norm, GELU and dropout: the heads (App. A e)."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
    )


def projection(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Three layers into the space of the contrastive loss (App. A e); the caller normalises."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, outputs)
    )
