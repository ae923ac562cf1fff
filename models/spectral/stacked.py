"""Networks of one architecture side by side: what is the same for all is done once, and each layer is one call.

Channels of all members lie one after the other, and a convolution is grouped by member. Every call of a layer takes
exactly one spectrum: libraries choose other kernels for other sizes, whose sums differ in the last bit, so what never
shares a call does not depend on what else was asked at the same time. Of many spectra each goes through a layer before
the next layer is taken up: its weights are then in the processor's cache.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.spectral.layers import SG_DERIVATIVE, SG_WINDOW, Conv, LogBins
from models.spectral.net import ASTRANet, inputs, texture
from models.spectral.prepare import GRID_SIZE

NORM_GROUPS: Final = 8
ROWS: Final = 16
"""Spectra that go through the layers together: more of them no longer fit into the cache either."""
EPSILON: Final = 1e-5
"""PyTorch's default of `GroupNorm` and `LayerNorm`, which the networks were trained with."""


Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class _Dense:
    """A linear layer of every member: weight (members, inputs, outputs), bias (members, 1, outputs)."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layers: Sequence[nn.Module]) -> "_Dense":
        weight = torch.stack([_tensor(layer.weight).T for layer in layers])
        return cls(weight.contiguous(), torch.stack([_tensor(layer.bias)[None] for layer in layers]))

    def __call__(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


@dataclass(frozen=True, slots=True)
class _LayerNorm:
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layers: Sequence[nn.Module]) -> "_LayerNorm":
        return cls(*(torch.stack([_tensor(getattr(x, n))[None] for x in layers]) for n in ("weight", "bias")))

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], eps=EPSILON) * self.weight + self.bias


@dataclass(frozen=True, slots=True)
class _Chain:
    """Layers of an `nn.Sequential` of every member, dropout left out."""

    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, chains: Sequence[nn.Module]) -> "_Chain":
        made: list[Layer] = []
        for layers in zip(*(c.children() for c in chains), strict=True):
            match layers[0]:
                case nn.Linear():
                    made.append(_Dense.of(layers))
                case nn.LayerNorm():
                    made.append(_LayerNorm.of(layers))
                case nn.GELU():
                    made.append(F.gelu)
        return cls(tuple(made))

    def __call__(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


@dataclass(frozen=True, slots=True)
class _Norm:
    """A group norm of every member, and the GELU behind it."""

    groups: int
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, norms: Sequence[nn.Module]) -> "_Norm":
        joined = (torch.cat([_tensor(getattr(n, name)) for n in norms]) for name in ("weight", "bias"))
        return cls(NORM_GROUPS * len(norms), *joined)

    def __call__(self, x: Tensor) -> Tensor:
        return F.gelu(F.group_norm(x, self.groups, self.weight, self.bias, EPSILON))


class _Convolution:
    """A convolution of every member, with its weights laid out once for the kernel that takes one row.

    `F.conv2d` takes slower kernels for one row than for several, and lays the weights out anew in every call; where
    PyTorch comes without oneDNN it is called all the same.
    """

    def __init__(self, weight: Tensor, bias: Tensor, padding: int, dilation: int, groups: int, length: int) -> None:
        self._bias = bias
        self._form = ((0, padding), (1, 1), (1, dilation), groups)
        self._packed = torch.backends.mkldnn.is_available()
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        if self._packed:
            shape = [1, weight.shape[1] * groups, 1, length]
            self._weight = torch.ops.mkldnn._reorder_convolution_weight(self._weight, *self._form, shape)

    @classmethod
    def of(cls, layers: Sequence[nn.Module], length: int) -> "_Convolution":
        """The same layer of every member, for sequences of some length."""
        convs = [x for x in layers if isinstance(x, Conv)]
        weight, bias = (torch.cat([_tensor(getattr(c, name)) for c in convs]) for name in ("weight", "bias"))
        return cls(weight, bias, int(convs[0].padding[1]), int(convs[0].dilation[1]), len(convs), length)

    def __call__(self, x: Tensor) -> Tensor:
        padding, stride, dilation, groups = self._form
        if not self._packed:
            return F.conv2d(x, self._weight, self._bias, stride, padding, dilation, groups)
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._weight, self._bias, padding, stride, dilation, groups, "none", [], ""
        )
        return made


class Told(NamedTuple):
    """What one member says about n spectra, each of shape (n, ...); see `models.spectral.net.Output`."""

    fine_logits: Tensor
    coarse_logits: Tensor
    embedding: Tensor
    fine_projection: Tensor
    texture: Tensor


class Stacked:
    """Several networks of one architecture, ready to answer on a CPU. Answering changes nothing.

    Parameters
    ----------
    nets : sequence of ASTRANet
        In evaluation mode, all of the same configuration; their weights are copied.
    """

    def __init__(self, nets: Sequence[ASTRANet]) -> None:
        self._first, self._members = nets[0], len(nets)
        self.config = nets[0].config
        self._slope = _slope
        self._rebin = None if nets[0].rebin is None else _Rebin(nets[0].rebin)
        self._embed = torch.stack([_tensor(n.metadata.instrument.weight) for n in nets])
        self._told = _Chain.of([nn.Sequential(*n.metadata.first, *n.metadata.second) for n in nets])
        self._residual = _Dense.of([n.metadata.residual for n in nets])
        c = self.config
        length = c.log_bins or GRID_SIZE // c.input_pool
        self._stem, self._stem_norm = _stem([n.stem.branches for n in nets], length)
        length //= c.downsample
        self._fuse = _Convolution.of([n.stem.fuse for n in nets], length)
        self._project = _Convolution.of([n.stem.project for n in nets], length)
        films = ("film_sequence", "film_embedding")
        self._film: dict[tuple[str, str], Layer] = {
            (name, part): _Dense.of([getattr(getattr(n, name), part) for n in nets])
            for name in films
            for part in ("gamma", "beta")
        }
        self._blocks = [
            (
                _Convolution.of([b.body[0] for b in blocks], length),
                _Norm.of([b.body[1] for b in blocks]),
                _Convolution.of([b.body[4] for b in blocks], length),
                _Norm.of([b.body[5] for b in blocks]),
            )
            for blocks in zip(*(n.tcn for n in nets), strict=True)
        ]
        self._score = _Chain.of([score for n in nets for score in n.pool.score])
        self._out = _Chain.of([n.pool.out for n in nets])
        heads = ("coarse_head", "fine_head", "fine_projection")
        self._heads = {name: _Chain.of([getattr(n, name) for n in nets]) for name in heads}

    @torch.inference_mode()
    def __call__(self, flux: Tensor, mask: Tensor, values: Tensor, valid: Tensor) -> list[Told]:
        """Answer about n spectra, (n, 4096) and (n, 3), for every member."""
        told = [self._some(*(t[i : i + ROWS] for t in (flux, mask, values, valid))) for i in range(0, len(flux), ROWS)]
        if not told:
            return [
                Told(*(t[:0] for t in one))
                for one in self(*(t.new_zeros(1, t.shape[1]) for t in (flux, mask, values, valid)))
            ]
        joined = [torch.cat(column, 1) for column in zip(*told, strict=True)]
        return [Told(*(t[i] for t in joined)) for i in range(self._members)]

    def _some(self, flux: Tensor, mask: Tensor, values: Tensor, valid: Tensor) -> list[Tensor]:
        """The fields of `Told`, with the member as another first axis."""
        m, c = self._members, self.config
        each = [slice(i, i + 1) for i in range(len(flux))]
        rows, seen = zip(*(inputs(c, self._slope, self._rebin, flux[i], mask[i]) for i in each), strict=True)
        told = self._condition([self._encoded(values[i], valid[i]) for i in each])
        stem = [F.avg_pool2d(self._stem_norm(self._stem(x)), (1, c.downsample)) for x in rows]
        x = self._modulated("film_sequence", _all(self._project, _all(self._fuse, stem)), told)
        middle = len(self._blocks) * 2 // 3
        x = self._convolved(x, slice(None, middle))
        rough = [
            texture(a, s).view(5, m, c.channels).transpose(0, 1).reshape(m, -1) for a, s in zip(x, seen, strict=True)
        ]
        x = self._convolved(x, slice(middle, None))
        pooled = _all(self._out, [self._pooled(a, s) for a, s in zip(x, seen, strict=True)])
        e = self._modulated("film_embedding", pooled, told)
        coarse = _all(self._heads["coarse_head"], e)
        prior = [torch.cat([a, b.softmax(-1) * c.hierarchy], dim=2) for a, b in zip(e, coarse, strict=True)]
        fine = _all(self._heads["fine_head"], prior)
        projection = [F.normalize(p, dim=-1) for p in _all(self._heads["fine_projection"], e)]
        return [torch.stack([t.reshape(m, -1) for t in rows], 1) for rows in (fine, coarse, e, projection, rough)]

    def _condition(self, encoded: list[Tensor]) -> list[Tensor]:
        """What the metadata of each spectrum say to every member, (members, 1, 64)."""
        return [a + b for a, b in zip(_all(self._told, encoded), _all(self._residual, encoded), strict=True)]

    def _encoded(self, values: Tensor, valid: Tensor) -> Tensor:
        return torch.stack([self._first.metadata.encoded(values, valid, table) for table in self._embed])

    def _modulated(self, name: str, rows: list[Tensor], told: list[Tensor]) -> list[Tensor]:
        shape = (1, -1, 1, 1) if rows[0].ndim == 4 else rows[0].shape
        gamma, beta = (_all(self._film[name, part], told) for part in ("gamma", "beta"))
        return [x * (1 + g.reshape(shape)) + b.reshape(shape) for x, g, b in zip(rows, gamma, beta, strict=True)]

    def _convolved(self, rows: list[Tensor], which: slice) -> list[Tensor]:
        for dilated, first, plain, second in self._blocks[which]:
            inner = [first(dilated(x)) for x in rows]
            rows = [x + second(plain(y)) for x, y in zip(rows, inner, strict=True)]
        return rows

    def _pooled(self, x: Tensor, seen: Tensor) -> Tensor:
        m, heads = self._members, self.config.heads
        parts = x.view(m * heads, -1, x.shape[-1])
        logits = self._score(parts.transpose(1, 2))[..., 0] * self.config.attention
        alpha = torch.where(seen, logits, -torch.inf).softmax(-1)
        return torch.bmm(parts, alpha[..., None]).view(m, 1, -1)


def _all(layer: Layer, rows: Sequence[Tensor]) -> list[Tensor]:
    """One layer, one spectrum after the other."""
    return [layer(x) for x in rows]


def _slope(flux: Tensor, mask: Tensor) -> Tensor:
    """As `models.spectral.layers.Derivative`, without PyTorch's slow convolution of a single channel."""
    half = SG_WINDOW // 2
    taps = torch.tensor(SG_DERIVATIVE, dtype=flux.dtype)
    slope = (F.pad(flux, (half, half)).unfold(1, SG_WINDOW, 1) * taps).sum(-1)
    whole = F.pad(mask, (half, half)).unfold(1, SG_WINDOW, 1).amin(-1)
    return slope * whole


class _Rebin:
    """As `models.spectral.layers.LogBins`: the same sums over the few pixels of a bin instead of over all."""

    def __init__(self, dense: LogBins) -> None:
        overlap = dense.overlap.cpu().T
        most = int((overlap > 0).sum(1).max())
        self._pixel = overlap.topk(most, dim=1).indices.sort(dim=1).values
        self._share = overlap.gather(1, self._pixel)
        self._width = dense.width.cpu()
        self._scale = torch.stack([torch.ones_like(self._width), self._width / self._width.mean()])

    def __call__(self, channels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        sums = (torch.cat([channels, mask[:, None]], 1)[..., self._pixel] * self._share).sum(-1)
        covered = sums[:, 2]
        return sums[:, :2] / covered.clamp_min(1.0)[:, None] * self._scale, covered / self._width


def _stem(branches: Sequence[nn.Module], length: int) -> tuple[_Convolution, _Norm]:
    """All branches of all members as one convolution with the widest kernel, the others filled up with zeros."""
    every = [list(branch.children()) for own in branches for branch in own.children()]
    convs = [conv for parts in every for conv in parts if isinstance(conv, Conv)]
    widest = max(conv.kernel_size[1] for conv in convs)
    sides = [(widest - conv.kernel_size[1]) // 2 for conv in convs]
    weight = torch.cat([F.pad(_tensor(c.weight), (side, side)) for c, side in zip(convs, sides, strict=True)])
    joined = _Convolution(weight, torch.cat([_tensor(c.bias) for c in convs]), widest // 2, 1, 1, length)
    return joined, _Norm.of([parts[1] for parts in every])


def _tensor(value: object) -> Tensor:
    assert isinstance(value, Tensor)
    return value.detach().float()
