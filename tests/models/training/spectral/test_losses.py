"""Each term of the loss against its formula (App. B a)."""

import math

import pytest
import torch
from torch.nn import functional as F

from models.domain import COARSE_CLASSES, COARSE_OF, FINE_CLASSES
from models.spectral.net import Output
from models.training.spectral.losses import (
    FINE_TO_COARSE,
    LossConfig,
    confusion,
    cross_entropy,
    focal,
    smooth,
    supcon,
    total_loss,
)

G = torch.Generator().manual_seed(1)
LOGITS = torch.randn(6, 7, generator=G)
TARGETS = F.one_hot(torch.tensor([0, 1, 1, 3, 6, 6]), 7).float()


def test_weights_are_those_of_table_xi() -> None:
    c = LossConfig()
    assert (c.fine, c.coarse, c.supcon_fine, c.supcon_coarse, c.confusion, c.attention) == (
        1.5,
        0.3,
        0.03,
        0.05,
        0.5,
        0.01,
    )
    assert c.gammas().tolist() == [2, 2, 2, 2, 3, 2, 3]


def test_smoothing_keeps_the_sum() -> None:
    s = smooth(TARGETS, 0.05)
    torch.testing.assert_close(s.sum(1), torch.ones(6))
    assert math.isclose(s[0, 0].item(), 0.95 + 0.05 / 7, rel_tol=1e-6)


def test_focal_without_focus_is_cross_entropy() -> None:
    plain = F.cross_entropy(LOGITS, TARGETS.argmax(1), label_smoothing=0.05)
    torch.testing.assert_close(focal(LOGITS, TARGETS, torch.zeros(7), 0.05), plain)
    torch.testing.assert_close(cross_entropy(LOGITS, TARGETS, 0.05), plain)


def test_focal_loss_by_hand() -> None:
    gammas, p, expected = LossConfig().gammas(), LOGITS.softmax(-1), 0.0
    for i in range(6):
        for k in range(7):
            t = 0.95 * TARGETS[i, k].item() + 0.05 / 7
            expected -= t * (1 - p[i, k].item()) ** gammas[k].item() * math.log(p[i, k].item()) / 6
    assert math.isclose(focal(LOGITS, TARGETS, gammas, 0.05).item(), expected, rel_tol=1e-5)


def test_supcon_by_hand() -> None:
    z = F.normalize(torch.randn(6, 4, generator=G), dim=1)
    labels, tau, terms = [0, 1, 1, 3, 6, 6], 0.07, []
    for i in range(6):
        partners = [j for j in range(6) if j != i and labels[j] == labels[i]]
        if partners:
            below = sum(math.exp((z[i] @ z[a]).item() / tau) for a in range(6) if a != i)
            terms.append(-sum((z[i] @ z[j]).item() / tau - math.log(below) for j in partners) / len(partners))
    assert math.isclose(supcon(z, torch.tensor(labels), tau).item(), sum(terms) / len(terms), rel_tol=1e-4)


def test_supcon_without_partners_is_zero() -> None:
    assert supcon(F.normalize(torch.randn(3, 4, generator=G), dim=1), torch.tensor([0, 1, 2]), 0.07).item() == 0


def test_confusion_penalty_by_hand() -> None:
    p = LOGITS.softmax(-1)
    ia, ibc, tde = (FINE_CLASSES.index(c) for c in ("SN Ia", "SN Ibc", "TDE"))
    expected = 0.5 * (p[4, ia] ** 2 + p[5, ia] ** 2) / 2 + 0.8 * p[3, ibc] ** 2
    torch.testing.assert_close(confusion(LOGITS, TARGETS, LossConfig().confusions), expected)
    assert TARGETS[:, tde].sum() == 2


def test_coarse_lookup() -> None:
    assert [COARSE_CLASSES[i] for i in FINE_TO_COARSE] == [COARSE_OF[c] for c in FINE_CLASSES]


@pytest.mark.parametrize("mixed", [False, True])
def test_total_is_the_weighted_sum_and_mixed_batches_have_no_contrast(mixed: bool) -> None:
    z = F.normalize(torch.randn(6, 8, generator=G), dim=1)
    output = Output(LOGITS, torch.randn(6, 3, generator=G), z, z, z, torch.ones(6), z)
    config = LossConfig()
    terms = total_loss(output, TARGETS, config, mixed=mixed)
    assert ("supcon_fine" in terms) is not mixed
    expected = sum(getattr(config, k) * v for k, v in terms.items() if k != "total")
    torch.testing.assert_close(terms["total"], expected)
    assert terms["attention"].item() == -1
