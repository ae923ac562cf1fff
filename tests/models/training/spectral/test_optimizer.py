"""Vectors go to AdamW, matrices to Muon, and both are remembered."""

import copy

import pytest
import torch
from torch import nn

from models.spectral.layers import Conv
from models.training.spectral.optimizer import Float32Muon, Optimizer, _is_matrix

RATE, DECAY = 1e-2, 0.1


@pytest.fixture
def net() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(Conv(3, 40, 5), Conv(40, 36, 5), nn.Flatten(), nn.Linear(36 * 8, 48), nn.Linear(48, 5))
    return layers.to(memory_format=torch.channels_last)


def learn(net: nn.Module, optimizer: Optimizer, steps: range) -> None:
    for i in steps:
        x = torch.randn(6, 3, 1, 8, generator=torch.Generator().manual_seed(i))
        (net(x) ** 2).mean().backward()
        optimizer.step(RATE)


def optimizer_of(net: nn.Module, matrix_rate: float) -> Optimizer:
    return Optimizer(net.parameters(), rate=RATE, decay=DECAY, matrix_rate=matrix_rate)


def test_without_a_rate_for_matrices_it_is_adamw(net) -> None:
    other = copy.deepcopy(net)
    learn(net, optimizer_of(net, 0.0), range(3))
    reference = torch.optim.AdamW(other.parameters(), lr=RATE, weight_decay=DECAY)
    for i in range(3):
        reference.zero_grad()
        x = torch.randn(6, 3, 1, 8, generator=torch.Generator().manual_seed(i))
        (other(x) ** 2).mean().backward()
        reference.step()
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


def test_only_matrices_that_are_not_thin_are_made_orthogonal(net) -> None:
    assert [_is_matrix(p) for p in net.parameters()] == [False, False, True, False, True, False, False, False]
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = optimizer_of(net, 3.0)
    (net(torch.randn(200, 3, 1, 8)) ** 2).mean().backward()
    slopes = [p.grad.clone() for p in net.parameters()]
    optimizer.step(RATE)
    for p, old, slope in zip(net.parameters(), before, slopes, strict=True):
        assert not torch.equal(p, old)
        assert p.grad is None
        if _is_matrix(p):
            moved = (p - old * (1 - 3 * RATE * DECAY)).detach() / (3 * RATE)
            # Five Newton-Schulz steps bring singular values near one, which is all the method asks.
            largest, rank = spread(moved)
            assert largest == pytest.approx((len(p) / p[0].numel()) ** 0.5 if len(p) > p[0].numel() else 1.0, rel=0.4)
            assert rank > 2 * spread(slope)[1]


def spread(matrix: torch.Tensor) -> tuple[float, float]:
    """Largest singular value, and the sum of all in its units: how many directions count."""
    sizes = torch.linalg.svdvals(matrix.flatten(1))
    return float(sizes[0]), float(sizes.sum() / sizes[0])


def test_what_it_remembers_goes_on_where_it_was(net) -> None:
    other = copy.deepcopy(net)
    learn(net, optimizer_of(net, 3.0), range(6))
    first = optimizer_of(other, 3.0)
    learn(other, first, range(3))
    kept = {k: v.clone() for k, v in first.tensors()}
    assert {k.split(".")[0] for k in kept} == {"adam", "muon"}
    fresh = optimizer_of(other, 3.0)
    fresh.restore(kept)
    learn(other, fresh, range(3, 6))
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


def test_a_convolution_in_another_order_is_refused() -> None:
    with pytest.raises(ValueError, match="channels-last"):
        optimizer_of(Conv(40, 36, 5), 3.0)


@pytest.mark.parametrize("shape", [(40, 40), (90, 33), (33, 90)])
def test_muon_in_float32_takes_the_steps_of_the_library(shape) -> None:
    torch.manual_seed(1)
    start = torch.randn(shape)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    options = {"lr": RATE, "weight_decay": DECAY}
    pairs = [(ours, Float32Muon([ours], **options)), (theirs, torch.optim.Muon([theirs], **options))]
    for i in range(4):
        slope = torch.randn(shape, generator=torch.Generator().manual_seed(i))
        for p, method in pairs:
            p.grad = slope.clone()
            method.step()
    moved, expected = ours.detach() - start, theirs.detach() - start
    assert float((moved - expected).norm() / expected.norm()) < 0.02  # bfloat16 has three digits
    assert not torch.equal(ours, theirs)


def test_precision_decides_which_muon_steps(net) -> None:
    kinds = [
        type(Optimizer(net.parameters(), rate=RATE, decay=DECAY, matrix_rate=3.0, precision=p).matrices)
        for p in (torch.bfloat16, torch.float32)
    ]
    assert kinds == [torch.optim.Muon, Float32Muon]
