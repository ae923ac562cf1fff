"""Each block of the network against its formula (App. A)."""

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter
from torch import nn

from models.spectral.layers import AttentionPool, Derivative, FiLM, LogBins, Metadata, Stem, TCNBlock
from models.spectral.net import COMPACT, PAPER, ASTRANet, NetConfig, parameter_count, receptive_field

GENERATOR = torch.Generator().manual_seed(0)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def test_derivative_is_savitzky_golay_inside_and_zero_at_edges() -> None:
    flux, mask = noise(2, 200), torch.ones(2, 200)
    mask[0, 100:120] = 0
    slope = Derivative()(flux * mask, mask).numpy()
    expected = savgol_filter(flux[1].numpy(), 7, 3, deriv=1)
    np.testing.assert_allclose(slope[1, 3:-3], expected[3:-3], atol=1e-5)
    assert (slope[:, :3] == 0).all()
    assert (slope[:, -3:] == 0).all()
    assert (slope[0, 97:123] == 0).all()


def test_film_is_eq_a1_and_starts_as_the_identity() -> None:
    film, x, c = FiLM(4, 3), noise(2, 3, 1, 5), noise(2, 4)
    torch.testing.assert_close(film(x, c), x)
    nn.init.normal_(film.gamma.weight)
    nn.init.normal_(film.beta.weight)
    expected = x * (1 + film.gamma(c))[:, :, None, None] + film.beta(c)[:, :, None, None]
    torch.testing.assert_close(film(x, c), expected)


def test_metadata_that_is_not_valid_changes_nothing() -> None:
    block = Metadata()
    nothing = torch.zeros(3, 3)
    values = torch.tensor([[10.0, 0.1, 3.0], [-200.0, 5.0, 15.0], [0.0, 0.0, 0.0]])
    out = block(values, nothing)
    torch.testing.assert_close(out[0], out[1])
    for column in range(3):
        valid = nothing.clone()
        valid[:, column] = 1
        told = block(values, valid)
        assert not torch.allclose(told[0], told[1]), f"column {column} is ignored"


def test_attention_is_a_weighted_mean_with_the_entropy_of_its_weights() -> None:
    pool = AttentionPool(8, 2, 5, 0.0).eval()
    x, seen = noise(3, 8, 1, 7), torch.ones(3, 7, dtype=torch.bool)
    seen[0, 4:] = False
    pooled, entropy = pool(x, seen)
    heads, entropies = [], []
    for h in range(2):
        part = x[:, 4 * h : 4 * h + 4, 0].transpose(1, 2)
        score = pool.score[h](part)[..., 0].masked_fill(~seen, -torch.inf)
        alpha = score.softmax(-1)
        heads.append((alpha[..., None] * part).sum(1))
        entropies.append(torch.special.entr(alpha).sum(-1))
    torch.testing.assert_close(pooled, pool.out(torch.cat(heads, 1)))
    torch.testing.assert_close(entropy, torch.stack(entropies).mean(0))


def test_tcn_block_adds_to_its_input_and_drops_whole_samples() -> None:
    block, x = TCNBlock(8, 5, 4, 0.0, False, 0.5), noise(64, 8, 1, 20)
    block.eval()
    torch.testing.assert_close(block(x), x + block.body(x))
    block.train()
    torch.manual_seed(0)
    change = (block(x) - x).abs().amax((1, 2, 3))
    assert 16 < int((change == 0).sum()) < 48


def test_stem_has_the_papers_shapes() -> None:
    stem = Stem(2, (7, 31, 151), 32, 96, 192, 4, 0.2, False)
    assert [b[0].kernel_size[1] for b in stem.branches] == [7, 31, 151]
    assert stem(noise(1, 2, 1, 4096)).shape == (1, 192, 1, 1024)


def test_pooling_before_the_fusion_is_the_same_as_after() -> None:
    stem = Stem(2, (3, 5), 8, 12, 16, 4, 0.0, False).eval()
    x = noise(2, 2, 1, 32)
    together = torch.cat([branch(x) for branch in stem.branches], 1)
    torch.testing.assert_close(stem(x), stem.project(stem.pool(stem.fuse(together))))


def test_receptive_field_is_about_250() -> None:
    assert receptive_field(PAPER) == 277
    short = NetConfig(blocks=1)
    assert receptive_field(short) == 1 + 4 * (1 + 1)


@pytest.mark.parametrize("config", [PAPER, COMPACT], ids=["paper", "compact"])
def test_outputs_have_the_papers_sizes(config: NetConfig) -> None:
    net = ASTRANet(config).eval()
    with torch.inference_mode():
        out = net(noise(2, 4096), torch.ones(2, 4096), torch.zeros(2, 3), torch.zeros(2, 3))
    *sizes, texture = (t.shape[1:].numel() for t in out)
    assert sizes == [7, 3, 192, 128, 128, 1]
    assert texture == 5 * config.channels, "beyond the paper: five statistics of each channel of a middle layer"
    torch.testing.assert_close(out.fine_projection.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(out.coarse_projection.norm(dim=1), torch.ones(2))
    assert torch.isfinite(out.attention_entropy).all()


def test_the_paper_preset_has_the_published_size_in_its_backbone() -> None:
    net = ASTRANet(PAPER)
    assert parameter_count(net.tcn) == 12 * (192 * 192 * 5 + 192 + 2 * 192)
    assert 2_600_000 < parameter_count(net) < 2_800_000


def test_the_fine_head_does_not_train_the_coarse_head() -> None:
    net = ASTRANet(COMPACT)
    out = net(noise(2, 4096), torch.ones(2, 4096), torch.zeros(2, 3), torch.zeros(2, 3))
    out.fine_logits.sum().backward()
    assert all(p.grad is None for p in net.coarse_head.parameters())
    assert net.stem.fuse.weight.grad is not None


def test_an_empty_spectrum_still_has_a_finite_answer() -> None:
    net = ASTRANet(COMPACT).eval()
    with torch.inference_mode():
        out = net(torch.zeros(1, 4096), torch.zeros(1, 4096), torch.zeros(1, 3), torch.zeros(1, 3))
    assert torch.isfinite(out.fine_logits).all()


def test_config_reads_back_as_itself() -> None:
    assert NetConfig.from_dict(COMPACT.to_dict()) == COMPACT


def test_log_bins_are_means_of_the_measured_pixels_and_move_with_the_redshift() -> None:
    bins, edges = LogBins(64), np.geomspace(3850.0, 9000.0, 65)
    wave = np.linspace(3850.0, 9000.0, 4096)
    mask = torch.ones(1, 4096)
    mask[0, 1000:1400] = 0
    flux = torch.tensor(wave / 6000, dtype=torch.float32)[None] * mask
    binned, share = bins(torch.stack([flux, flux], 1), mask)
    for j in (0, 5, 40, 63):
        inside = (wave >= edges[j]) & (wave < edges[j + 1]) & (mask[0].numpy() > 0)
        expected = flux[0].numpy()[inside].mean() if inside.any() else 0.0
        assert binned[0, 0, j].item() == pytest.approx(expected, abs=2e-3)
    assert share[0].min() == 0
    assert share[0].max() <= 1 + 1e-6
    # A line moved by exactly three bins' ratio is the same line three bins on, in the derivative too.
    ratio = (9000.0 / 3850.0) ** (3 / 64)
    lines = [np.exp(-0.5 * ((wave - 5000 * k) / (300 * k)) ** 2) for k in (1.0, ratio)]
    both = torch.tensor(np.array([[y, np.gradient(y)] for y in lines]), dtype=torch.float32)
    rest, moved = bins(both, torch.ones(2, 4096))[0]
    torch.testing.assert_close(moved[:, 3:], rest[:, :-3], atol=0.02, rtol=0)


def test_without_attention_the_pool_is_the_mean_of_what_was_seen() -> None:
    pool = AttentionPool(8, 2, 5, 0.0, attend=False).eval()
    x, seen = noise(3, 8, 1, 7), torch.ones(3, 7, dtype=torch.bool)
    seen[0, 4:] = False
    mean = torch.stack([x[i, :, 0, seen[i]].mean(1) for i in range(3)])
    torch.testing.assert_close(pool(x, seen)[0], pool.out(mean))


def test_without_the_hierarchy_the_fine_head_does_not_see_the_coarse_answer() -> None:
    config = NetConfig(**{**COMPACT.to_dict(), "hierarchy": False, "stem_kernels": COMPACT.stem_kernels})
    net = ASTRANet(config).eval()
    flux, mask, nothing = noise(2, 4096), torch.ones(2, 4096), torch.zeros(2, 3)
    before = net(flux, mask, nothing, nothing).fine_logits
    nn.init.normal_(net.coarse_head[-1].weight)
    torch.testing.assert_close(net(flux, mask, nothing, nothing).fine_logits, before)
