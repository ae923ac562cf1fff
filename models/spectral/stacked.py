"""Networks of one architecture side by side: what is the same for all is done once, and each layer is one call.

Channels of all members lie one after the other, and a convolution is grouped by member. An answer does not depend on
what else was asked at the same time: libraries choose other kernels for other sizes, whose sums differ in the last bit,
so a call that adds up takes exactly one spectrum, or exactly `HEAD_ROWS` in the small layers; only what is done to each
number by itself takes as many as there are. Of many spectra each goes through a layer before the next layer is taken
up: its weights are then in the processor's cache.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.spectral.layers import Conv, Stem
from models.spectral.net import ASTRANet, inputs
from models.spectral.prepare import GRID_SIZE
from models.spectral.stacked_inputs import Rebin, slope, textures
from models.spectral.stacked_layers import Chain, Convolution, Dense, Norm, tensor

ROWS: Final = 16
"""Spectra that go through the layers together: more of them no longer fit into the cache either."""
HEAD_ROWS: Final = 4
"""Spectra in every call of the small layers, the last one filled up: their time goes into reading the weights."""
COLUMNS: Final = 16
"""Outputs of a layer that takes several rows come in multiples of this: with others, kernels tell the rows apart."""


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
        self._rebin = None if nets[0].rebin is None else Rebin(nets[0].rebin)
        self._embed = torch.stack([tensor(n.metadata.instrument.weight) for n in nets])
        self._told = Chain.of([nn.Sequential(*n.metadata.first, *n.metadata.second) for n in nets], COLUMNS)
        self._residual = Dense.of([n.metadata.residual for n in nets], COLUMNS)
        c = self.config
        length = c.log_bins or GRID_SIZE // c.input_pool
        self._stem, self._stem_norm = _stem([n.stem.branches for n in nets], length)
        length //= c.downsample
        self._fuse = _fused([n.stem for n in nets], length)
        self._film = [
            Dense.of([getattr(getattr(n, name), part) for n in nets], COLUMNS)
            for name in ("film_sequence", "film_embedding")
            for part in ("gamma", "beta")
        ]
        self._blocks = [
            (
                Convolution.of([b.body[0] for b in blocks], length),
                Norm.of([b.body[1] for b in blocks]),
                Convolution.of([b.body[4] for b in blocks], length),
                Norm.of([b.body[5] for b in blocks]),
            )
            for blocks in zip(*(n.tcn for n in nets), strict=True)
        ]
        self._score = Chain.of([score for n in nets for score in n.pool.score])
        self._out = Chain.of([n.pool.out for n in nets], COLUMNS)
        heads = ("coarse_head", "fine_head", "fine_projection")
        self._heads = {name: Chain.of([getattr(n, name) for n in nets], COLUMNS) for name in heads}
        with torch.inference_mode():
            (self._nothing,) = self._films_of(torch.zeros(1, 3), torch.zeros(1, 3))

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
        channels, seen = inputs(c, slope, self._rebin, flux, mask)
        films = self._films(values, valid)
        stem = self._stem_norm([self._stem(x) for x in channels.split(1)])
        rows = [self._fuse(F.avg_pool2d(x, (1, c.downsample))) for x in stem]
        for x, film in zip(rows, films, strict=True):
            _modulated(x, film.sequence)
        middle = len(self._blocks) * 2 // 3
        rows = self._convolved(rows, slice(None, middle))
        rough = textures(rows, seen).view(len(rows), 5, self._members, -1).permute(2, 0, 1, 3).flatten(2)
        rows = self._convolved(rows, slice(middle, None))
        pooled = torch.cat([self._pooled(x, s) for x, s in zip(rows, seen, strict=True)], 1)
        late = [torch.cat(side, 1) for side in zip(*(f.embedding for f in films), strict=True)]
        missing = -len(rows) % HEAD_ROWS
        parts = zip(*(F.pad(t, (0, 0, 0, missing)).split(HEAD_ROWS, 1) for t in (pooled, *late)), strict=True)
        told = [self._headed(some, (factor, summand)) for some, factor, summand in parts]
        return [*(torch.cat(t, 1)[:, : len(rows)] for t in zip(*told, strict=True)), rough]

    def _headed(self, pooled: Tensor, film: tuple[Tensor, Tensor]) -> list[Tensor]:
        """The other fields of `Told` from the pooled channels of some spectra, (members, `HEAD_ROWS`, channels)."""
        e = _modulated(self._out(pooled), film)
        coarse = self._heads["coarse_head"](e)
        fine = self._heads["fine_head"](torch.cat([e, coarse.softmax(-1) * self.config.hierarchy], 2))
        return [fine, coarse, e, F.normalize(self._heads["fine_projection"](e), dim=-1)]

    def _films(self, values: Tensor, valid: Tensor) -> list[_Film]:
        """One for each spectrum. Those of which the same is known share it, and of most nothing is known."""
        known = [tuple(row) for row in torch.cat([values, valid], 1).tolist()]
        new = {row: i for i, row in enumerate(known) if any(row)}
        each = zip(*(t[list(new.values())].split(HEAD_ROWS) for t in (values, valid)), strict=True)
        made = [film for some in each for film in self._films_of(*some)]
        films = dict(zip(new, made, strict=True))
        return [films.get(row, self._nothing) for row in known]

    def _films_of(self, values: Tensor, valid: Tensor) -> list[_Film]:
        """Of at most `HEAD_ROWS` spectra."""
        n, m = len(values), self._members
        values, valid = (F.pad(t, (0, 0, 0, HEAD_ROWS - n)) for t in (values, valid))
        encoded = torch.stack([self._first.metadata.encoded(values, valid, table) for table in self._embed])
        told = self._told(encoded) + self._residual(encoded)
        gamma, beta, late_gamma, late_beta = (film(told).transpose(0, 1) for film in self._film)
        sequence = [t.reshape(HEAD_ROWS, 1, -1, 1, 1) for t in (1 + gamma, beta)]
        embedding = [t.reshape(HEAD_ROWS, m, 1, -1) for t in (1 + late_gamma, late_beta)]
        pairs = (zip(*pair, strict=True) for pair in (sequence, embedding))
        return [_Film(*parts) for parts in zip(*pairs, strict=True)][:n]

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


def _stem(branches: Sequence[nn.Module], length: int) -> tuple[Convolution, Norm]:
    """All branches of all members as one convolution with the widest kernel, the others filled up with zeros."""
    every = [list(branch.children()) for own in branches for branch in own.children()]
    convs = [conv for parts in every for conv in parts if isinstance(conv, Conv)]
    widest = max(conv.kernel_size[1] for conv in convs)
    sides = [(widest - conv.kernel_size[1]) // 2 for conv in convs]
    weight = torch.cat([F.pad(tensor(c.weight), (side, side)) for c, side in zip(convs, sides, strict=True)])
    joined = Convolution(weight, torch.cat([tensor(c.bias) for c in convs]), widest // 2, 1, 1, length)
    return joined, Norm.of([parts[1] for parts in every])


def _fused(stems: Sequence[Stem], length: int) -> Convolution:
    """The two layers behind the branches as one: nothing stands between them."""
    weights, biases = [], []
    for stem in stems:
        (first, start), (second, end) = (
            (tensor(c.weight).double()[:, :, 0, 0], tensor(c.bias).double()) for c in (stem.fuse, stem.project)
        )
        weights.append(second @ first)
        biases.append(second @ start + end)
    weight, bias = torch.cat(weights).float()[:, :, None, None], torch.cat(biases).float()
    return Convolution(weight, bias, 0, 1, len(stems), length)
