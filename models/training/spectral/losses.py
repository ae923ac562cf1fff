"""The training objective (ASTRANet paper, Eq. B1 and Table XI), one function per term."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from models.domain import COARSE_CLASSES, COARSE_OF, FINE_CLASSES
from models.spectral.net import Output

FINE_TO_COARSE = torch.tensor([COARSE_CLASSES.index(COARSE_OF[c]) for c in FINE_CLASSES])


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Weights and shapes of the terms; the defaults are the paper's."""

    fine: float = 1.5
    coarse: float = 0.3
    supcon_fine: float = 0.03
    supcon_coarse: float = 0.05
    confusion: float = 0.5
    attention: float = 0.01
    smoothing: float = 0.05
    temperature: float = 0.07
    gamma: float = 2.0
    gamma_of: dict[str, float] = field(default_factory=lambda: {"AGN": 3.0, "TDE": 3.0})
    confusions: tuple[tuple[str, str, float], ...] = (
        ("TDE", "SN Ia", 0.5),
        ("SLSN", "SN Ibc", 0.3),
        ("SN II", "SN Ibc", 0.8),
    )

    def gammas(self) -> Tensor:
        """Focusing parameter of each fine class, shape (7,)."""
        return torch.tensor([self.gamma_of.get(c, self.gamma) for c in FINE_CLASSES])


def smooth(targets: Tensor, epsilon: float) -> Tensor:
    """Label smoothing of class distributions, shape (batch, classes)."""
    return targets * (1 - epsilon) + epsilon / targets.shape[1]


def focal(logits: Tensor, targets: Tensor, gammas: Tensor, epsilon: float) -> Tensor:
    """`-sum_k t_k (1 - p_k)^gamma_k log p_k`, averaged over the batch, with smoothed targets t."""
    log_p = logits.log_softmax(-1)
    weight = (1 - log_p.exp()).clamp_min(0) ** gammas.to(logits)
    return -(smooth(targets, epsilon) * weight * log_p).sum(1).mean()


def cross_entropy(logits: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """Cross-entropy with smoothed class distributions."""
    return -(smooth(targets, epsilon) * logits.log_softmax(-1)).sum(1).mean()


def supcon(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020) of unit vectors z (batch, dim) with integer labels.

    Anchors without a partner of their class are left out; zero if there are none at all.
    """
    similarity = z @ z.T / temperature
    others = ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    log_p = similarity - similarity.masked_fill(~others, float("-inf")).logsumexp(1, keepdim=True)
    partners = (labels[:, None] == labels[None]) & others
    count = partners.sum(1)
    has = count > 0
    if not has.any():
        return z.sum() * 0.0
    mean_log_p = (log_p * partners).sum(1)[has] / count[has]
    return -mean_log_p.mean()


def confusion(logits: Tensor, targets: Tensor, pairs: tuple[tuple[str, str, float], ...]) -> Tensor:
    """`sum_(a->b) w * mean over samples of class a of p(b)^2`: the mistakes that hurt most (App. B a)."""
    p = logits.softmax(-1)
    total = logits.sum() * 0.0
    for true, wrong, weight in pairs:
        share = targets[:, FINE_CLASSES.index(true)]
        if (amount := share.sum()) > 0:
            total = total + weight * (share * p[:, FINE_CLASSES.index(wrong)] ** 2).sum() / amount
    return total


def total_loss(output: Output, targets: Tensor, config: LossConfig, *, mixed: bool) -> dict[str, Tensor]:
    """All terms and their weighted sum.

    Parameters
    ----------
    targets : Tensor, shape (batch, 7)
        Class distributions; one-hot unless the batch is mixed.
    mixed : bool
        True for MixUp batches, which have no single label: the contrastive terms are off.

    Returns
    -------
    dict of Tensor
        One entry per term, and `total`.
    """
    lookup = F.one_hot(FINE_TO_COARSE, len(COARSE_CLASSES)).to(targets)
    terms = {
        "fine": focal(output.fine_logits, targets, config.gammas(), config.smoothing),
        "coarse": cross_entropy(output.coarse_logits, targets @ lookup, config.smoothing),
        "confusion": confusion(output.fine_logits, targets, config.confusions),
        "attention": -output.attention_entropy.mean(),
    }
    if not mixed:
        labels = targets.argmax(1)
        coarse = FINE_TO_COARSE.to(labels.device)[labels]
        terms["supcon_fine"] = supcon(output.fine_projection, labels, config.temperature)
        terms["supcon_coarse"] = supcon(output.coarse_projection, coarse, config.temperature)
    total = torch.stack([getattr(config, name) * value for name, value in terms.items()]).sum()
    return terms | {"total": total}
