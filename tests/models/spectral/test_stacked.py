"""Networks side by side: each layer against the one it stands for."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.spectral.layers import Conv, Derivative, LogBins, Stem
from models.spectral.net import texture
from models.spectral.prepare import GRID_SIZE
from models.spectral.stacked import _fused
from models.spectral.stacked_inputs import Rebin, slope, textures
from models.spectral.stacked_layers import EPSILON, NORM_GROUPS, Convolution, Norm


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rows_of(x: torch.Tensor) -> list[torch.Tensor]:
    """As they go through the layers: channels of a position side by side."""
    return [one.contiguous(memory_format=torch.channels_last) for one in x.split(1)]


@pytest.mark.parametrize(("offset", "close"), [(0.0, 1e-5), (3.0, 1e-4), (30.0, 5e-3)])
def test_a_group_norm_of_two_members_is_that_of_each(offset: float, close: float) -> None:
    """Far from zero the square of the mean cancels in single precision; trained layers stay near it."""
    norms = [nn.GroupNorm(NORM_GROUPS, 32, eps=EPSILON) for _ in range(2)]
    for i, norm in enumerate(norms):
        norm.weight.data, norm.bias.data = noise(32, seed=i), noise(32, seed=9 + i)
    x = noise(3, 64, 1, 50) + offset
    expected = F.gelu(torch.cat([norm(part) for norm, part in zip(norms, x.split(32, 1), strict=True)], 1))
    found = torch.cat(Norm.of(norms)(rows_of(x.clone())))
    torch.testing.assert_close(found, expected.detach(), atol=close, rtol=close)


def test_a_convolution_of_two_members_is_that_of_each() -> None:
    layers = [Conv(8, 16, 3, dilation=2) for _ in range(2)]
    x = noise(1, 16, 1, 40)
    expected = torch.cat([layer(part) for layer, part in zip(layers, x.split(8, 1), strict=True)], 1)
    (row,) = rows_of(x)
    torch.testing.assert_close(Convolution.of(layers, 40)(row), expected.detach(), atol=1e-5, rtol=1e-5)


def test_two_layers_with_nothing_between_them_are_one() -> None:
    stems = [Stem(2, (3, 5, 7), 8, 16, 16, 4, 0.0, False) for _ in range(2)]
    width = stems[0].fuse.weight.shape[1]
    x = noise(1, 2 * width, 1, 30)
    expected = torch.cat([s.project(s.fuse(part)) for s, part in zip(stems, x.split(width, 1), strict=True)], 1)
    (row,) = rows_of(x)
    torch.testing.assert_close(_fused(stems, 30)(row), expected.detach(), atol=1e-5, rtol=1e-5)


def masked(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Spectra with holes and ends that are missing."""
    flux, mask = noise(n, GRID_SIZE), torch.ones(n, GRID_SIZE)
    mask[0, :300], mask[0, 1000:1004], mask[-1, 3500:] = 0, 0, 0
    return flux * mask, mask


def test_the_slope_is_the_derivative() -> None:
    flux, mask = masked(2)
    torch.testing.assert_close(slope(flux, mask), Derivative()(flux, mask), atol=1e-5, rtol=1e-5)


def test_running_sums_are_the_bins() -> None:
    flux, mask = masked(2)
    channels, dense = torch.stack([flux, flux.roll(1, 1) * mask], 1), LogBins(512)
    expected, seen = dense(channels, mask)
    found, covered = Rebin(dense)(channels, mask)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(covered, seen, atol=2e-5, rtol=2e-5)


def test_textures_are_those_of_each_spectrum() -> None:
    x, seen = noise(3, 8, 1, 60), torch.ones(3, 60, dtype=torch.bool)
    seen[1, :20], seen[2, 30:33] = False, False
    found = textures(rows_of(x), seen)
    torch.testing.assert_close(found.flatten(1), texture(x, seen), atol=1e-5, rtol=1e-5)
