"""Networks of one architecture side by side: what is the same for all is done once, and each layer is one call.

Channels of all members lie one after the other, and a convolution is grouped by member. An answer does not depend on
what else was asked at the same time: libraries choose other kernels for other sizes, whose sums differ in the last bit,
so a call that adds up takes exactly one spectrum, or exactly `HEAD_ROWS` in the small layers; only what is done to each
number by itself takes as many as there are. Of many spectra each goes through a layer before the next layer is taken
up: its weights are then in the processor's cache.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.spectral.layers import SG_DERIVATIVE, SG_WINDOW, Conv, LogBins, Stem, log_edges
from models.spectral.net import ASTRANet, inputs
from models.spectral.prepare import GRID_SIZE

NORM_GROUPS: Final = 8
ROWS: Final = 16
"""Spectra that go through the layers together: more of them no longer fit into the cache either."""
HEAD_ROWS: Final = 4
"""Spectra in every call of the small layers, the last one filled up: their time goes into reading the weights."""
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
    """A group norm of every member, and the GELU behind it.

    The same sums as PyTorch's own, which takes longer where the channels of a position lie side by side.
    """

    groups: int
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, norms: Sequence[nn.Module]) -> "_Norm":
        groups = NORM_GROUPS * len(norms)
        joined = (torch.cat([_tensor(getattr(n, name)) for n in norms]) for name in ("weight", "bias"))
        return cls(groups, *(t.view(groups, -1) for t in joined))

    def __call__(self, rows: Sequence[Tensor]) -> list[Tensor]:
        """Of spectra of shape (1, channels, 1, positions), which are overwritten."""
        _, channels, _, positions = rows[0].shape
        sums = torch.empty(len(rows), 2, channels)
        share = torch.full((positions,), self.groups / (channels * positions))
        for x, (mean, square) in zip(rows, sums, strict=True):
            flat = x.view(channels, positions)
            torch.mv(flat, share, out=mean)
            torch.mv(flat * flat, share, out=square)
        means, squares = sums.view(len(rows), 2, self.groups, -1).sum(3, keepdim=True).unbind(1)
        scales = self.weight / (squares - means * means).clamp_min(0).add(EPSILON).sqrt()
        shifts = self.bias - means * scales
        each = (t.view(len(rows), 1, channels, 1, 1) for t in (scales, shifts))
        return [F.gelu(torch.addcmul(b, x, a, out=x)) for x, a, b in zip(rows, *each, strict=True)]


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


class _Film(NamedTuple):
    """What one spectrum's metadata do to every member: factors and summands, of the sequence and of the embedding."""

    sequence: tuple[Tensor, Tensor]
    embedding: tuple[Tensor, Tensor]


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
        self._rebin = None if nets[0].rebin is None else _Rebin(nets[0].rebin)
        self._embed = torch.stack([_tensor(n.metadata.instrument.weight) for n in nets])
        self._told = _Chain.of([nn.Sequential(*n.metadata.first, *n.metadata.second) for n in nets])
        self._residual = _Dense.of([n.metadata.residual for n in nets])
        c = self.config
        length = c.log_bins or GRID_SIZE // c.input_pool
        self._stem, self._stem_norm = _stem([n.stem.branches for n in nets], length)
        length //= c.downsample
        self._fuse = _fused([n.stem for n in nets], length)
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
        with torch.inference_mode():
            self._nothing = self._film_of(torch.zeros(1, 3), torch.zeros(1, 3))

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
        c = self.config
        channels, seen = inputs(c, _slope, self._rebin, flux, mask)
        films = self._films(values, valid)
        stem = self._stem_norm([self._stem(x) for x in channels.split(1)])
        rows = [self._fuse(F.avg_pool2d(x, (1, c.downsample))) for x in stem]
        for x, film in zip(rows, films, strict=True):
            _modulated(x, film.sequence)
        middle = len(self._blocks) * 2 // 3
        rows = self._convolved(rows, slice(None, middle))
        rough = _texture(rows, seen).view(len(rows), 5, self._members, -1).permute(2, 0, 1, 3).flatten(2)
        rows = self._convolved(rows, slice(middle, None))
        pooled = torch.cat([self._pooled(x, s) for x, s in zip(rows, seen, strict=True)], 1)
        film = [torch.cat(side, 1) for side in zip(*(f.embedding for f in films), strict=True)]
        missing = -len(rows) % HEAD_ROWS
        parts = zip(*(F.pad(t, (0, 0, 0, missing)).split(HEAD_ROWS, 1) for t in (pooled, *film)), strict=True)
        told = [self._headed(some, (factor, summand)) for some, factor, summand in parts]
        return [*(torch.cat(t, 1)[:, : len(rows)] for t in zip(*told, strict=True)), rough]

    def _headed(self, pooled: Tensor, film: tuple[Tensor, Tensor]) -> list[Tensor]:
        """The other fields of `Told` from the pooled channels of some spectra, (members, `HEAD_ROWS`, channels)."""
        e = _modulated(self._out(pooled), film)
        coarse = self._heads["coarse_head"](e)
        fine = self._heads["fine_head"](torch.cat([e, coarse.softmax(-1) * self.config.hierarchy], 2))
        return [fine, coarse, e, F.normalize(self._heads["fine_projection"](e), dim=-1)]

    def _films(self, values: Tensor, valid: Tensor) -> list[_Film]:
        """One for each spectrum; those of whom the same is known share it, as most of which nothing is known."""
        known = [tuple(row) for row in torch.cat([values, valid], 1).tolist()]
        made = {(0.0,) * len(row): self._nothing for row in known}
        for i, row in enumerate(known):
            if row not in made:
                made[row] = self._film_of(values[i : i + 1], valid[i : i + 1])
        return [made[row] for row in known]

    def _film_of(self, values: Tensor, valid: Tensor) -> _Film:
        encoded = torch.stack([self._first.metadata.encoded(values, valid, table) for table in self._embed])
        told = self._told(encoded) + self._residual(encoded)

        def both(name: str, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
            gamma, beta = (self._film[name, part](told).reshape(shape) for part in ("gamma", "beta"))
            return 1 + gamma, beta

        return _Film(both("film_sequence", (1, -1, 1, 1)), both("film_embedding", (self._members, 1, -1)))

    def _convolved(self, rows: list[Tensor], which: slice) -> list[Tensor]:
        for dilated, first, plain, second in self._blocks[which]:
            inner = second([plain(y) for y in first([dilated(x) for x in rows])])
            rows = [x.add_(y) for x, y in zip(rows, inner, strict=True)]
        return rows

    def _pooled(self, x: Tensor, seen: Tensor) -> Tensor:
        m, heads = self._members, self.config.heads
        parts = x.view(m * heads, -1, x.shape[-1])
        logits = self._score(parts.transpose(1, 2))[..., 0] * self.config.attention
        alpha = torch.where(seen, logits, -torch.inf).softmax(-1)
        return torch.bmm(parts, alpha[..., None]).view(m, 1, -1)


def _modulated(x: Tensor, film: tuple[Tensor, Tensor]) -> Tensor:
    """Overwrite x with what its metadata make of it."""
    factor, summand = film
    return torch.addcmul(summand, x, factor, out=x)


def _texture(rows: Sequence[Tensor], seen: Tensor) -> Tensor:
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


def _slope(flux: Tensor, mask: Tensor) -> Tensor:
    """As `models.spectral.layers.Derivative`, without PyTorch's slow convolution of a single channel."""
    half, n = SG_WINDOW // 2, flux.shape[1]
    beside, kept = (F.pad(t, (half, half)) for t in (flux, mask))
    steps = [(beside[:, half + k :][:, :n] - beside[:, half - k :][:, :n]) * SG_DERIVATIVE[half + k] for k in (1, 2, 3)]
    pairs = torch.minimum(kept[:, 1:], kept[:, :-1])
    fours = torch.minimum(pairs[:, 2:], pairs[:, :-2])
    return (steps[0] + steps[1] + steps[2]) * torch.minimum(fours[:, 3:], fours[:, :-3])


class _Rebin:
    """As `models.spectral.layers.LogBins`: differences of running sums at the edges of the bins."""

    def __init__(self, dense: LogBins) -> None:
        self._width = dense.width.cpu()
        edges = torch.from_numpy(log_edges(len(self._width)))
        self._pixel = edges.long().clamp(0, GRID_SIZE - 1)
        self._part = edges - self._pixel
        self._scale = torch.stack([torch.ones_like(self._width), self._width / self._width.mean()])

    def __call__(self, channels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        running = F.pad(torch.cat([channels, mask[:, None]], 1).cumsum(2, dtype=torch.float64), (1, 0))
        before, after = (running.index_select(2, self._pixel + k) for k in (0, 1))
        sums = (before + (after - before) * self._part).diff().float()
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


def _fused(stems: Sequence[Stem], length: int) -> _Convolution:
    """The two layers behind the branches as one: nothing stands between them."""
    weights, biases = [], []
    for stem in stems:
        (first, start), (second, end) = (
            (_tensor(c.weight).double()[:, :, 0, 0], _tensor(c.bias).double()) for c in (stem.fuse, stem.project)
        )
        weights.append(second @ first)
        biases.append(second @ start + end)
    weight, bias = torch.cat(weights).float()[:, :, None, None], torch.cat(biases).float()
    return _Convolution(weight, bias, 0, 1, len(stems), length)


def _tensor(value: object) -> Tensor:
    assert isinstance(value, Tensor)
    return value.detach().float()
