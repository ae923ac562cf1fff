"""A copy of an archive spectrum, degraded to R 100 and SNR 10, is found among the first five in 95 of 100."""

import shutil

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from models.cards import SHIPPED, BundleError
from models.similar.archive import load_archive
from models.similar.shelf import MISSING, POINTS_A, Query


def test_planted_copies_are_found():
    archive, rng = load_archive(), np.random.default_rng(3)
    found, asked = 0, 0
    for i in rng.permutation(len(archive.shelf)):
        codes = archive.shelf.shape[i]
        known = codes != MISSING
        if known.mean() < 0.9:
            continue
        flux = np.interp(POINTS_A, POINTS_A[known], codes[known].astype(float))
        flux = gaussian_filter1d(flux, POINTS_A.mean() / 100 / 2.355 / np.diff(POINTS_A)[0])
        # Zero flux is not that of the stored bytes: the noise is of the mean above their first percentile.
        flux += rng.normal(0, (flux - np.percentile(flux, 1)).mean() / 10, flux.size)
        asked += 1
        found += int(i) in [f.row for f in archive.shelf.nearest(Query(shape=flux), 5, way="shape")]
        if asked == 100:
            break
    assert found >= 95


def test_the_archive_of_another_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match="no archive spectra"):
        load_archive(tmp_path)
    for name in ("card.json", "analogs.safetensors"):
        shutil.copyfile(SHIPPED / name, tmp_path / name)
    assert load_archive(tmp_path).bundle == load_archive().bundle
    (tmp_path / "analogs.safetensors").write_bytes(b"other")
    with pytest.raises(BundleError, match="SHA-256"):
        load_archive(tmp_path)
