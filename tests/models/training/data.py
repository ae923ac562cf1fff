"""A tiny labelled set: each class is a ripple of its own period, so that a few steps are enough to learn it."""

import numpy as np

from models.domain import FINE_CLASSES, Spectrum
from models.training.dataset import Dataset, Row, build

WAVELENGTH_A = np.arange(3800.0, 9100.0, 10.0)


def ripples(objects: int = 10, seed: int = 0) -> Dataset:
    """`objects` objects per class with two spectra each, dealt out to the four splits."""
    rng = np.random.default_rng(seed)
    splits = ["train"] * 6 + ["select"] + ["calibrate"] + ["test"] * 2
    rows = []
    for k, label in enumerate(FINE_CLASSES):
        for i in range(objects):
            for j in range(2):
                ripple = np.sin(2 * np.pi * WAVELENGTH_A / (80 * 1.8**k) + rng.uniform(0, 6))
                flux = 3 + ripple + 1e-4 * rng.normal() * WAVELENGTH_A + 0.1 * rng.normal(size=WAVELENGTH_A.size)
                spectrum = Spectrum(
                    spectrum_id=f"{label}-{i}-{j}",
                    wavelength_A=WAVELENGTH_A,
                    flux=flux,
                    redshift=0.05,
                    phase_days=float(i) if label == "SN Ia" else None,
                    instrument="SEDM" if j else None,
                )
                rows.append(
                    Row(
                        spectrum=spectrum,
                        label=label,
                        group=f"{label}-{i}",
                        split=splits[i % len(splits)],
                        snr=10.0,
                        semi_real=False,
                        source="made",
                        kind="ripple",
                    )
                )
    return build(rows)
