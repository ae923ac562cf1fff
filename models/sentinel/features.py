"""What the scores see of a spectrum: one seed's averaged logits, superclasses, embedding and projection."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.special import softmax
from models.spectral.ensemble import EnsemblePrediction

Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """One seed's view of n spectra.

    Parameters
    ----------
    logits : ndarray, shape (n, 7)
        Fine logits, before any temperature.
    coarse : ndarray, shape (n, 3)
        Coarse probabilities.
    embedding : ndarray, shape (n, 192)
    projection : ndarray, shape (n, 128)
    texture : ndarray, shape (n, t)
        See `models.spectral.net.texture`.
    exposure : ndarray, shape (n, 3)
        Log-odds of being exposed, entropy, distance (`models.sentinel.adapter`); zero before any exposure.
    """

    logits: Floats
    coarse: Floats
    embedding: Floats
    projection: Floats
    texture: Floats
    exposure: Floats
    _known: dict[str, tuple[object, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def fine(self) -> Floats:
        """Fine probabilities, shape (n, 7)."""
        return softmax(self.logits)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable fine class of each spectrum, shape (n,)."""
        return self.logits.argmax(1)

    def rows(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Features":
        """The same for some spectra."""
        return Features(**{f.name: getattr(self, f.name)[index] for f in fields(self) if f.init})

    def once(self, name: str, part: object, work: Callable[[], T]) -> T:
        """What `work` gives, computed once for several scores that ask it of the same part of the same bank."""
        if (known := self._known.get(name)) is None or known[0] is not part:
            self._known[name] = known = (part, work())
        value: T = known[1]
        return value


def of_seed(prediction: EnsemblePrediction, seed: int) -> Features:
    """Mean over the members of one seed (paper, Sec. IV D c: the scores are computed from averaged tensors)."""
    members = [i for i, s in enumerate(prediction.seeds) if s == seed]
    return Features(
        logits=prediction.member_logits[members].mean(0),
        coarse=prediction.member_coarse[members].mean(0),
        embedding=prediction.member_embedding[members].mean(0),
        projection=prediction.member_projection[members].mean(0),
        texture=np.mean([prediction.member_texture[i] for i in members], axis=0),
        exposure=np.zeros((prediction.member_logits.shape[1], 3)),
    )


def entropy(p: Floats) -> Floats:
    """`-sum p log p` along the last axis, nats; zero probabilities add nothing."""
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
