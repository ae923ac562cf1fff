"""The ASTRANet network (paper, Sec. IV A and App. A), as published and in a size for two CPU cores."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.domain import COARSE_CLASSES, FINE_CLASSES
from models.spectral.layers import AttentionPool, Derivative, FiLM, LogBins, Metadata, Stem, TCNBlock, mlp, projection


@dataclass(frozen=True, slots=True, kw_only=True)
class NetConfig:
    """Every size of the network. The defaults are the paper's (Table XII); `COMPACT` is the small preset.

    Parameters
    ----------
    input_pool : int
        Grid pixels averaged before the stem (1: none).
    log_bins : int
        Instead, average the grid into this many bins of equal velocity width (0: none): a redshift then only moves a
        spectrum along, and a line has the same width in bins wherever it is seen.
    hierarchy : bool
        Whether the fine head sees the coarse answer.
    attention : bool
        Whether positions are pooled by attention (Eq. A3) or by their mean; without it, for the ablation.
    mask_channel : bool
        Whether the validity mask is a third input channel.
    derivative_scale : float
        Factor on the derivative channel, whose values per pixel are a hundred times smaller than the flux.
    clip : float or None
        Limit on the absolute scaled flux, against cosmic rays.
    dropout_channels : bool
        Whether the backbone's dropout takes whole channels instead of single values.
    """

    input_pool: int = 1
    log_bins: int = 0
    hierarchy: bool = True
    attention: bool = True
    mask_channel: bool = False
    derivative_scale: float = 1.0
    clip: float | None = None
    stem_kernels: tuple[int, ...] = (7, 31, 151)
    stem_channels: int = 32
    base_channels: int = 96
    downsample: int = 4
    channels: int = 192
    embedding: int = 192
    blocks: int = 6
    kernel: int = 5
    heads: int = 4
    drop_path: float = 0.1
    dropout: float = 0.2
    dropout_channels: bool = False
    embedding_dropout: float = 0.15
    coarse_hidden: int = 256
    fine_hidden: int = 384
    coarse_dropout: float = 0.4
    fine_dropout: float = 0.5
    instruments: int = 16

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self) | {"stem_kernels": list(self.stem_kernels)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "NetConfig":
        """Read what `to_dict` wrote; unknown keys are refused."""
        return cls(**(data | {"stem_kernels": tuple(data["stem_kernels"])}))


PAPER = NetConfig()
COMPACT = NetConfig(
    input_pool=4,
    mask_channel=True,
    derivative_scale=30.0,
    clip=6.0,
    # The same spans in Angstrom as 7, 31 and 151 pixels of the full grid.
    stem_kernels=(3, 9, 39),
    downsample=8,
    channels=128,
    dropout=0.1,
    dropout_channels=True,
)
VELOCITY = replace(COMPACT, log_bins=1024)
# Bins of 1000 km/s: half a resolution element at R 150, and a quarter of the operations.
COARSE = replace(VELOCITY, log_bins=256, stem_kernels=(3, 7, 15), downsample=4, channels=96)


class Output(NamedTuple):
    """What one member says about a batch; logits are unnormalised, projections have unit length.

    `texture` holds what a sequence in the middle of the network is like along its length (see `texture`): how rough,
    how peaked. Later layers drop what does not tell classes apart, which is what tells a spectrum from garbage.
    """

    fine_logits: Tensor
    coarse_logits: Tensor
    embedding: Tensor
    fine_projection: Tensor
    coarse_projection: Tensor
    attention_entropy: Tensor
    texture: Tensor


class ASTRANet(nn.Module):
    """Multi-scale stem, FiLM, dilated TCN, attention pooling, FiLM, hierarchical heads."""

    def __init__(self, config: NetConfig = PAPER) -> None:
        super().__init__()
        self.config = config
        self.derivative = Derivative()
        self.rebin = LogBins(config.log_bins) if config.log_bins else None
        self.metadata = Metadata(config.instruments)
        self.stem = Stem(
            2 + config.mask_channel,
            config.stem_kernels,
            config.stem_channels,
            config.base_channels,
            config.channels,
            config.downsample,
            config.dropout,
            config.dropout_channels,
        )
        self.film_sequence = FiLM(64, config.channels)
        paths = torch.linspace(0, config.drop_path, config.blocks).tolist()
        self.tcn = nn.Sequential(
            *(
                TCNBlock(config.channels, config.kernel, 2 ** (i % 6), config.dropout, config.dropout_channels, p)
                for i, p in enumerate(paths)
            )
        )
        self.pool = AttentionPool(
            config.channels, config.heads, config.embedding, config.embedding_dropout, attend=config.attention
        )
        self.film_embedding = FiLM(64, config.embedding)
        size = config.embedding
        self.coarse_head = mlp(size, config.coarse_hidden, len(COARSE_CLASSES), config.coarse_dropout)
        self.fine_head = mlp(size + len(COARSE_CLASSES), config.fine_hidden, len(FINE_CLASSES), config.fine_dropout)
        self.fine_projection = projection(size, 256, 128)
        self.coarse_projection = projection(size, 128, 128)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, flux: Tensor, mask: Tensor, values: Tensor, valid: Tensor) -> Output:
        """Classify a batch.

        Parameters
        ----------
        flux, mask : Tensor, shape (batch, 4096)
            As from `prepare`; mask 1 where measured.
        values, valid : Tensor, shape (batch, 3)
            Phase (days), redshift, instrument number; 1 where known.
        """
        x, seen = inputs(self.config, self.derivative, self.rebin, flux, mask)
        c = self.metadata(values, valid)
        middle = len(self.tcn) * 2 // 3
        x = self.tcn[:middle](self.film_sequence(self.stem(x), c))
        half_way = texture(x.detach(), seen)
        pooled, entropy = self.pool(self.tcn[middle:](x), seen)
        e = self.film_embedding(pooled, c)
        coarse = self.coarse_head(e)
        # The fine head takes the coarse answer as a soft prior, without training the coarse head through it.
        prior = coarse.float().softmax(-1).detach() * self.config.hierarchy
        fine = self.fine_head(torch.cat([e, prior.to(e.dtype)], dim=1))
        return Output(
            fine_logits=fine.float(),
            coarse_logits=coarse.float(),
            embedding=e.float(),
            fine_projection=F.normalize(self.fine_projection(e).float(), dim=-1),
            coarse_projection=F.normalize(self.coarse_projection(e).float(), dim=-1),
            attention_entropy=entropy,
            texture=half_way,
        )


def inputs(
    config: NetConfig,
    derivative: Callable[[Tensor, Tensor], Tensor],
    rebin: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None,
    flux: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor]:
    """Stack the channels and pool them; also say which final positions hold any measured pixel."""
    if config.clip is not None:
        flux = flux.clamp(-config.clip, config.clip)
    slope = derivative(flux, mask) * config.derivative_scale
    channels = torch.stack([flux, slope], 1)
    if rebin is not None:
        channels, mask = rebin(channels, mask)
    elif (k := config.input_pool) > 1:
        share = F.avg_pool1d(mask[:, None], k)
        channels = F.avg_pool1d(channels, k) / share.clamp_min(1.0 / k)
        mask = share[:, 0]
    if config.mask_channel:
        channels = torch.cat([channels, mask[:, None]], 1)
    seen = F.max_pool1d(mask[:, None], config.downsample)[:, 0] > 0
    # A spectrum with nothing in it still needs a finite answer; quality control refuses it long before.
    seen = seen | ~seen.any(1, keepdim=True)
    return channels[:, :, None].contiguous(memory_format=torch.channels_last), seen


def texture(x: Tensor, seen: Tensor) -> Tensor:
    """Mean, spread, maximum, minimum and mean step of every channel along the seen positions, (batch, 5 x channels).

    Parameters
    ----------
    x : Tensor, shape (batch, channels, 1, positions)
    seen : Tensor of bool, shape (batch, positions)
    """
    x, w = x[:, :, 0].float(), seen[:, None].float()
    n = w.sum(2)
    mean = (x * w).sum(2) / n
    spread = ((x**2 * w).sum(2) / n - mean**2).clamp_min(0).sqrt()
    step = (x.diff(dim=2).abs() * w[..., 1:] * w[..., :-1]).sum(2) / n
    hidden = ~seen[:, None]
    most, least = torch.where(hidden, -torch.inf, x).amax(2), torch.where(hidden, torch.inf, x).amin(2)
    return torch.cat([mean, spread, most, least, step], dim=1)


def receptive_field(config: NetConfig) -> int:
    """How many positions of the pooled sequence one output of the TCN sees."""
    return 1 + sum((config.kernel - 1) * (2 ** (i % 6) + 1) for i in range(config.blocks))


def parameter_count(net: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(p.numel() for p in net.parameters())
