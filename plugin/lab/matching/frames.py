"""Labelled spectra in the bins that are matched, from a data folder: wider than the networks' window."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iris_client.quality.control import examine
from models.domain import Spectrum
from models.matching.grid import BINS, Bools, Floats, binned
from models.training.dataset import Dataset
from plugin.lab.dataset.labelled import AS_LEARNED
from plugin.lab.dataset.records import read_catalogue


@dataclass(frozen=True, slots=True)
class Frames:
    """Spectra in bins, in the order of the set they were read for; each of shape (n, BINS)."""

    values: Floats
    masks: Bools


def read_frames(
    folder: Path, data: Dataset, *, rest: bool = False, progress: Callable[[int], None] = lambda _: None
) -> Frames:
    """Read the spectra of a set again, through quality control, and bin them.

    Parameters
    ----------
    rest : bool
        At rest by each spectrum's redshift; as observed otherwise.

    Raises
    ------
    ValueError
        If the folder lacks one of them.
    """
    row = {name: i for i, name in enumerate(data.ids)}
    values, masks = np.zeros((len(data), BINS)), np.zeros((len(data), BINS), bool)
    missing = set(row)
    for record in read_catalogue(folder / "spectra"):
        name = record.raw.spectrum_id
        if name not in missing:
            continue
        spectrum = examine(record.raw, AS_LEARNED).spectrum
        if spectrum is None:
            continue
        i = row[name]
        redshift = float(data.redshift[i]) if rest else 0.0
        values[i], masks[i] = binned(spectrum.wavelength_A, spectrum.flux, redshift)
        missing.discard(name)
        progress(1)
    if missing:
        raise ValueError(f"{folder} lacks {len(missing)} of {len(data)} spectra, such as {min(missing)}")
    return Frames(values, masks)


def read_spectra(folder: Path, data: Dataset) -> list[Spectrum]:
    """The spectra themselves, in the order of a set."""
    row: dict[str, Spectrum] = {}
    wanted = set(data.ids)
    for record in read_catalogue(folder / "spectra"):
        if record.raw.spectrum_id in wanted:
            spectrum = examine(record.raw, AS_LEARNED).spectrum
            if spectrum is not None:
                row[record.raw.spectrum_id] = spectrum
    return [row[name] for name in data.ids]
