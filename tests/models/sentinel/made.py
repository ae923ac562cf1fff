"""Made-up features: seven clouds in the embedding space, and outliers beyond them."""

import numpy as np

from models.domain import FINE_CLASSES
from models.sentinel.features import Features
from models.spectral.ensemble import EnsemblePrediction

D, P, K = 40, 16, len(FINE_CLASSES)


def clouds(n: int, seed: int, *, shift: float = 0.0) -> tuple[Features, np.ndarray]:
    """`n` spectra of class i mod 7; `shift` moves all embeddings along eight axes."""
    centres = 3 * np.random.default_rng(99).normal(size=(K, D))
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % K
    e = centres[labels] + rng.normal(size=(n, D)) * rng.uniform(0.5, 1.5, size=D)
    e[:, -8:] += shift
    logits = -0.1 * ((e[:, None] - centres) ** 2).sum(2) + rng.normal(size=(n, K))
    coarse = rng.dirichlet(np.ones(3), size=n)
    projection = np.eye(K, P)[labels] + 0.2 * rng.normal(size=(n, P))
    projection /= np.linalg.norm(projection, axis=1, keepdims=True)
    made = Features(
        logits=logits, coarse=coarse, embedding=e, projection=projection, texture=e[:, -12:], exposure=np.zeros((n, 3))
    )
    return made, labels


def prediction_of(features: Features, seeds: tuple[int, ...] = (1, 2)) -> EnsemblePrediction:
    """An ensemble whose members all hold these features, the second with a little noise."""
    rng = np.random.default_rng(0)
    noise = [0.0 if i == 0 else 0.05 for i in range(len(seeds))]
    logits = np.stack([features.logits + s * rng.normal(size=features.logits.shape) for s in noise])
    fine = np.exp(logits - logits.max(2, keepdims=True))
    return EnsemblePrediction(
        member_fine=fine / fine.sum(2, keepdims=True),
        member_coarse=np.stack([features.coarse] * len(seeds)),
        member_logits=logits,
        member_embedding=np.stack([features.embedding] * len(seeds)),
        member_projection=np.stack([features.projection] * len(seeds)),
        member_texture=(features.texture,) * len(seeds),
        seeds=seeds,
    )
