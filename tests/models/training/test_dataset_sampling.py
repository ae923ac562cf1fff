"""The training set, and which part of it an epoch shows."""

from dataclasses import replace

import numpy as np
import torch

from models.domain import FINE_CLASSES
from models.training.dataset import Dataset
from models.training.spectral.sampling import MetadataConfig, SamplingConfig, effective_number, metadata, mixup, weights
from tests.models.training.data import ripples


def test_a_dataset_reads_back_as_itself(tmp_path) -> None:
    data = ripples(3)
    data.save(tmp_path / "d.safetensors")
    again = Dataset.load(tmp_path / "d.safetensors")
    assert again.hash() == data.hash()
    assert again.ids == data.ids
    np.testing.assert_array_equal(again.flux, data.flux)
    np.testing.assert_array_equal(again.masks(), data.masks())


def test_parts_keep_to_their_split_and_to_real_spectra() -> None:
    data = ripples()
    assert len(data.part("train")) == 6 * 7 * 2
    assert set(data.part("test").groups).isdisjoint(data.part("train").groups)


def test_effective_number_is_that_of_cui_et_al() -> None:
    counts = np.array([1, 100, 10_000, 0])
    expected = [1.0, 1e-4 / (1 - 0.9999**100), 1e-4 / (1 - 0.9999**10_000), 0.0]
    np.testing.assert_allclose(effective_number(counts), expected, rtol=1e-6)


def test_an_object_with_many_spectra_does_not_dominate() -> None:
    data = ripples(4)
    many = data.rows(np.array([0] * 20 + list(range(1, len(data)))))
    w = weights(many, SamplingConfig(balance="tempered", per_object=True)).numpy()
    of_object = {g: w[[i for i, x in enumerate(many.groups) if x == g]].sum() for g in set(many.groups)}
    crowd, rest = of_object["SN Ia-0"], [v for g, v in of_object.items() if g.startswith("SN Ia") and g != "SN Ia-0"]
    assert crowd / np.mean(rest) < 21 / 2 / 2


def test_the_validity_of_the_phase_does_not_give_the_class_away() -> None:
    data = ripples(40)
    index = torch.arange(len(data)).repeat(40)
    config = MetadataConfig(none=0.0, phase=0.25, redshift=1.0)
    _, valid = metadata(data, index, config, torch.Generator().manual_seed(0))
    labels = torch.from_numpy(data.label)[index]
    rates = torch.stack([valid[labels == k, 0].mean() for k in range(len(FINE_CLASSES))])
    assert (rates - 0.25).abs().max() < 0.03
    assert valid[:, 2].sum() == 0


def test_mixup_blends_targets_and_keeps_what_both_measured() -> None:
    generator = torch.Generator().manual_seed(0)
    flux, mask = torch.ones(8, 10), torch.ones(8, 10)
    mask[0, :5] = 0
    targets = torch.eye(8, 7)
    blend, both, mixed = mixup(flux, mask, targets, 0.3, generator)
    torch.testing.assert_close(mixed.sum(1)[:7].clamp_max(1), mixed.sum(1)[:7])
    assert (both[0, :5] == 0).all()
    torch.testing.assert_close(blend, both)
    assert mixed.diagonal().min() >= 0.5


def test_neither_spectrograph_drowns_the_other_and_no_class_pays() -> None:
    data = ripples(12)
    data = replace(data, spacing=np.where(np.arange(len(data)) % 4 == 0, 25.6, 1.5).astype(np.float32))
    plain, more = (weights(data, SamplingConfig(balance="tempered", low_resolution=f)).numpy() for f in (1.0, 3.0))
    coarse = data.spacing > 15
    for k in range(len(FINE_CLASSES)):
        mine = data.label == k
        assert np.isclose(plain[mine].sum(), more[mine].sum())
        ratio = more[mine & coarse].mean() / more[mine & ~coarse].mean()
        assert np.isclose(ratio, 3 * plain[mine & coarse].mean() / plain[mine & ~coarse].mean())


def test_semi_real_spectra_are_not_brought_forward_for_their_pixels() -> None:
    data = replace(ripples(4), spacing=np.full(len(ripples(4)), 25.6, np.float32))
    made = replace(data, semi_real=np.arange(len(data)) % 2 == 0)
    plain, more = (weights(made, SamplingConfig(low_resolution=f)).numpy() for f in (1.0, 3.0))
    ratio = more[made.semi_real].mean() / more[~made.semi_real].mean()
    assert np.isclose(ratio, plain[made.semi_real].mean() / plain[~made.semi_real].mean() / 3)
