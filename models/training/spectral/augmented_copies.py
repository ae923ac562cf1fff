"""The same spectra seen otherwise: rare ones are few, and must not be learnt by heart."""

import numpy as np
import torch

from models.spectral.prepare import LOW_RESOLUTION_A
from models.training.dataset import Dataset
from models.training.spectral.augment import SURVEY_AUGMENT, Augmenter


def augmented_copies(data: Dataset, n: int, seed: int, *, chunk: int = 128) -> Dataset:
    """`n` augmented copies of everything, one after the other: row i shows spectrum i modulo their number.

    The survey augmentations of training: resolution, noise, gaps, slopes, host light; no change of redshift.
    """
    generator = torch.Generator().manual_seed(seed)
    augment = Augmenter(SURVEY_AUGMENT, generator)
    rows = data.rows(np.tile(np.arange(len(data)), n))
    flux, mask = [], []
    for i in range(0, len(rows), chunk):
        part = rows.rows(np.arange(i, min(i + chunk, len(rows))))
        nothing = torch.zeros(len(part))
        f, m, _ = augment(
            torch.from_numpy(part.flux).float(),
            torch.from_numpy(part.masks()).float(),
            nothing,
            torch.from_numpy(part.floor),
            nothing.long(),
            torch.from_numpy(part.spacing > LOW_RESOLUTION_A),
        )
        flux.append(f.clamp(-6e4, 6e4).half().numpy())
        mask.append(m.numpy() > 0)
    columns = {f: getattr(rows, f) for f in Dataset.__dataclass_fields__}
    return Dataset(**columns | {"flux": np.concatenate(flux), "mask": np.packbits(np.concatenate(mask), axis=1)})
