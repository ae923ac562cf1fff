"""A made-up set for the anomaly layer: predictions in clouds, rare spectra beside them."""

import numpy as np

from models.training.dataset import Dataset
from models.training.sentinel.fitting import Material, PredictedSpectra
from tests.models.sentinel.made import clouds, prediction_of
from tests.models.training.data import ripples


def labelled(n: int, seed: int, *, shift: float = 0.0) -> PredictedSpectra:
    """`n` rows of the tiny set with made-up predictions: the protocol never looks at the flux."""
    features, labels = clouds(n, seed, shift=shift)
    labels = np.where(np.arange(n) % 11 == 5, (labels + 1) % 7, labels)  # no classifier is always right
    base = ripples()
    data = base.rows(np.arange(n) % len(base))
    names = tuple(f"{seed}-{i // 2}" for i in range(n))
    columns = {f: getattr(data, f) for f in Dataset.__dataclass_fields__}
    columns |= {"label": labels if not shift else np.full(n, -1), "groups": names, "ids": names}
    columns |= {"kinds": tuple("nova" if i % 4 < 2 else "LRN" for i in range(n)), "semi_real": np.zeros(n, bool)}
    # Every other object with the SED Machine's pixels: there are two domains to calibrate.
    columns |= {"spacing": np.where(np.arange(n) // 2 % 2, 25.6, 2.0).astype(np.float32)}
    return PredictedSpectra(data=Dataset(**columns), prediction=prediction_of(features))


def layered() -> Material:
    """Everything the layer is fitted on and measured with, in small."""
    return Material(
        train=labelled(280, 0),
        select=labelled(140, 1),
        calibrate=labelled(240, 2),
        test=labelled(140, 3),
        rare=labelled(40, 4, shift=6.0),
        train_views=labelled(70, 7),
        views=labelled(80, 4, shift=6.5),
        odd={"noise": labelled(20, 5, shift=9.0)},
        odd_test={"noise": labelled(20, 6, shift=9.0)},
    )
