"""Layers of several networks side by side: channels of all members lie one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.spectral.layers import Conv

NORM_GROUPS: Final = 8
EPSILON: Final = 1e-5
"""PyTorch's default of `GroupNorm` and `LayerNorm`, which the networks were trained with."""

Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Dense:
    """A linear layer of every member: weight (members, inputs, columns), bias (members, 1, columns)."""

    weight: Tensor
    bias: Tensor
    outputs: int

    @classmethod
    def of(cls, layers: Sequence[nn.Module], columns: int = 1) -> "Dense":
        """With its outputs filled up to a multiple of some number of columns."""
        weight = torch.stack([tensor(layer.weight).T for layer in layers])
        bias = torch.stack([tensor(layer.bias)[None] for layer in layers])
        outputs = weight.shape[2]
        weight, bias = (F.pad(t, (0, -outputs % columns)).contiguous() for t in (weight, bias))
        return cls(weight, bias, outputs)

    def __call__(self, x: Tensor) -> Tensor:
        """(members, rows, inputs) -> (members, rows, outputs)."""
        made = torch.baddbmm(self.bias, x, self.weight)
        return made if made.shape[2] == self.outputs else made[..., : self.outputs]


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """A layer norm of every member: weight and bias (members, 1, inputs)."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layers: Sequence[nn.Module]) -> "LayerNorm":
        """The same layer of every member."""
        return cls(*(torch.stack([tensor(getattr(x, n))[None] for x in layers]) for n in ("weight", "bias")))

    def __call__(self, x: Tensor) -> Tensor:
        """Of (members, rows, inputs)."""
        return F.layer_norm(x, x.shape[-1:], eps=EPSILON) * self.weight + self.bias


@dataclass(frozen=True, slots=True)
class Chain:
    """Layers of an `nn.Sequential` of every member, dropout left out."""

    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, chains: Sequence[nn.Module], columns: int = 1) -> "Chain":
        """The same layers of every member; see `Dense.of`."""
        made: list[Layer] = []
        for layers in zip(*(c.children() for c in chains), strict=True):
            match layers[0]:
                case nn.Linear():
                    made.append(Dense.of(layers, columns))
                case nn.LayerNorm():
                    made.append(LayerNorm.of(layers))
                case nn.GELU():
                    made.append(F.gelu)
        return cls(tuple(made))

    def __call__(self, x: Tensor) -> Tensor:
        """One after the other."""
        for layer in self.layers:
            x = layer(x)
        return x


@dataclass(frozen=True, slots=True)
class Norm:
    """A group norm of every member, and the GELU behind it.

    The same sums as PyTorch's own, which takes longer where the channels of a position lie side by side.
    """

    groups: int
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, norms: Sequence[nn.Module]) -> "Norm":
        """The same layer of every member."""
        groups = NORM_GROUPS * len(norms)
        joined = (torch.cat([tensor(getattr(n, name)) for n in norms]) for name in ("weight", "bias"))
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


class Convolution:
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
    def of(cls, layers: Sequence[nn.Module], length: int) -> "Convolution":
        """The same layer of every member, for sequences of some length."""
        convs = [x for x in layers if isinstance(x, Conv)]
        weight, bias = (torch.cat([tensor(getattr(c, name)) for c in convs]) for name in ("weight", "bias"))
        return cls(weight, bias, int(convs[0].padding[1]), int(convs[0].dilation[1]), len(convs), length)

    def __call__(self, x: Tensor) -> Tensor:
        """Of one spectrum, (1, channels, 1, length)."""
        padding, stride, dilation, groups = self._form
        if not self._packed:
            return F.conv2d(x, self._weight, self._bias, stride, padding, dilation, groups)
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._weight, self._bias, padding, stride, dilation, groups, "none", [], ""
        )
        return made


def tensor(value: object) -> Tensor:
    """Weights of a module, as single precision and without their history."""
    assert isinstance(value, Tensor)
    return value.detach().float()
