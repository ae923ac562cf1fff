"""The bank holds training objects alone, and what is fitted on it never sees an object's own spectra."""

from dataclasses import replace

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from models.matching.grid import BINS, RECIPES, REDSHIFTS
from models.matching.matcher import Matcher
from models.training.dataset import SPLITS
from models.training.matching import fit as fitting
from models.training.matching.choose import BankRules, bank_of, chosen
from models.training.matching.fit import Material, fit, held_back, priors, questions
from models.training.matching.labels import subtype_of, subtypes
from models.training.matching.weights import balanced, fit_weights
from tests.models.matching.synthetic import OBSERVED, observed
from tests.models.training.data import ripples


def named():
    """The tiny set with subtypes and a disputed and a semi-real spectrum among the training ones."""
    data = ripples()
    kinds = ["Ia-norm" if i % 4 < 2 else "SN Ia-91T-like" for i in range(len(data))]
    train = np.flatnonzero(data.split == 0)
    semi, disputed = np.zeros(len(data), bool), np.zeros(len(data), bool)
    semi[train[0]], disputed[train[1]] = True, True
    snr = data.snr.copy()
    snr[train[2]] = 1.0
    return replace(data, kinds=tuple(kinds), semi_real=semi, disputed=disputed, snr=snr)


def test_the_bank_holds_clear_real_training_spectra_and_nothing_else() -> None:
    data = named()
    rows = chosen(data, BankRules())
    assert set(data.split[rows].tolist()) == {SPLITS.index("train")}
    assert not data.semi_real[rows].any()
    assert not data.disputed[rows].any()
    assert (data.snr[rows] >= 3).all()
    others = {g for g, s in zip(data.groups, data.split, strict=True) if s != SPLITS.index("train")}
    assert not others & {data.groups[i] for i in rows}
    np.testing.assert_array_equal(rows, chosen(data, BankRules()))


def test_few_spectra_of_an_object_and_of_a_class() -> None:
    data = named()
    once = dict.fromkeys(FINE_CLASSES, 1)
    rows = chosen(data, BankRules(each=once, each_named=1, low=dict.fromkeys(FINE_CLASSES, 2), high=once))
    assert max(np.unique([data.groups[i] for i in rows], return_counts=True)[1]) == 1
    assert np.bincount(data.label[rows]).max() <= 3


def test_questions_and_held_back_spectra_are_on_their_sides() -> None:
    data = named()
    asked, held = questions(data), held_back(data)
    assert set(data.split[asked].tolist()) == {0}
    assert set(data.split[held].tolist()) == {1, 2}


@pytest.mark.parametrize(
    ("fine", "kind", "meant"),
    [
        ("SN Ia", "Ia-norm", "Ia-norm"),
        ("SN Ia", "SN Ia-91T-like", "Ia-91T"),
        ("SN Ia", "Ia-99aa", "Ia-91T"),
        ("SN Ia", "SN Ia", None),
        ("SN Ia", "SN Iax[02cx-like]", "Ia-02cx"),
        ("SN Ibc", "Ic BL|Ic", None),
        ("SN Ibc", "SN Ic-BL", "Ic-BL"),
        ("SN Ibc", "SN Ib/c", None),
        ("SN Ibc", "BTS:SN Ibn/Icn", "Ibn"),
        ("SN II", "SN II", "II"),
        ("SN II", "II|II P", "II"),
        ("SN II", "II|IIn", None),
        ("SN II", "OAC/CCSNscore:IIb", "IIb"),
        ("SLSN", "SLSN-II", "SLSN-II"),
        ("SLSN", "SLSN-I (Gold)", "SLSN-I"),
        ("SLSN", "SLSN-I?", None),
        ("TDE", "TDE-H+He", "TDE-H+He"),
        ("TDE", "TDE", None),
        ("AGN", "AGN", None),
    ],
)
def test_what_a_catalogues_type_means(fine: str, kind: str, meant: str | None) -> None:
    assert subtype_of(fine, kind) == meant


def test_weights_follow_the_recipe_that_knows() -> None:
    rng = np.random.default_rng(0)
    redshifts = rng.uniform(0.01, 0.2, 80)
    right = np.exp(-0.5 * ((REDSHIFTS[None] - redshifts[:, None]) / 0.004) ** 2)
    evidences = np.stack([right, rng.uniform(0, 1, right.shape)], axis=1)
    labels = np.repeat([0, 1], [60, 20])
    recipes, prior = fit_weights(evidences, np.zeros_like(right), redshifts, balanced(labels))
    assert recipes.shape == (len(RECIPES),)
    assert recipes[0] > 5 * recipes[1]
    assert prior >= 0


def material(split: int, redshifts: np.ndarray) -> Material:
    """Objects of SN Ia and II with invented lines, three spectra each."""
    from models.matching.grid import binned

    data = named()
    rows = np.flatnonzero((data.split == split) & np.isin(data.label, [0, 3]))
    data = data.rows(rows)
    data = replace(data, redshift=redshifts[: len(data)].astype(np.float32))
    framed = [
        binned(OBSERVED, observed(int(k), sum(map(ord, g)) % 97, float(z)))
        for k, g, z in zip(data.label, data.groups, data.redshift, strict=True)
    ]
    fine = np.full((len(data), 7), 0.01)
    fine[np.arange(len(data)), data.label] = 0.94
    return Material(
        data=data,
        values=np.array([v for v, _ in framed]),
        masks=np.array([m for _, m in framed]),
        fine=fine,
        embedding=np.random.default_rng(1).normal(size=(len(data), 4)),
    )


def test_nothing_is_matched_with_its_own_object_while_fitting(monkeypatch) -> None:
    taught, held = material(0, np.linspace(0.02, 0.12, 60)), material(3, np.linspace(0.03, 0.1, 60))
    from models.matching.grid import binned

    rest = [
        binned(OBSERVED, observed(int(k), sum(map(ord, g)) % 97, float(z)), float(z))
        for k, g, z in zip(taught.data.label, taught.data.groups, taught.data.redshift, strict=True)
    ]
    bank = bank_of(taught.data, np.array([v for v, _ in rest]), np.array([m for _, m in rest]))
    assert bank.values.shape == (len(taught.data), BINS)
    asked: list[np.ndarray] = []
    plain = Matcher.correlations

    def watched(self, values, mask, classes, without=None):
        asked.append(without)
        return plain(self, values, mask, classes, without)

    monkeypatch.setattr(Matcher, "correlations", watched)
    monkeypatch.setattr(fitting, "FEWEST_REDSHIFTS", 1)
    found = fit(bank, taught, held, priors(named()), lambda _, __: [0, 3])
    assert len(asked) == 2 * len(taught.data) + len(held.data)
    objects = np.array(bank.objects)
    for i, without in enumerate(asked[: len(taught.data)]):
        assert set(objects[without]) == {taught.data.groups[i]}
    assert found.residual.shape == found.share.shape == found.domain.shape
    assert np.median(found.residual) < 0.01
    assert set(found.subtypes) <= {"SN Ia", "SN Ibc", "SLSN", "SN II", "TDE"}


def test_subtypes_of_rows() -> None:
    data = named()
    found = subtypes(data)
    assert set(found[data.label == 0].tolist()) == {0, 1}
    assert set(found[data.label == FINE_CLASSES.index("AGN")].tolist()) == {-1}
