"""Kinds of supernovae brought to the shares of a magnitude-limited survey."""

import numpy as np
import pytest

from models.training.needle.mix import KINDS, OTHER, SURVEY, in_proportion, kind_index, survey_weights

NAMES = ["SN Ia"] * 30 + ["SN II"] * 50 + ["SN Ibc"] * 12 + ["SN IIn"] * 10 + ["SN IIb"] * 8 + ["SN Ibn/Icn"] * 4
KIND = kind_index([*NAMES, "TDE", "SLSN-I"])


def test_every_kind_gets_its_share_and_the_rest_is_left_alone() -> None:
    weight = np.full(len(KIND), 0.5)
    out = survey_weights(weight, KIND)
    shares = [out[k == KIND].sum() / out[KIND >= 0].sum() for k in range(len(KINDS))]
    assert shares == pytest.approx(SURVEY.tolist())
    assert out[KIND >= 0].sum() == pytest.approx(weight[KIND >= 0].sum())
    assert (out[KIND == OTHER] == 0.5).all()


def test_kinds_without_a_row_leave_their_share_to_the_others() -> None:
    kind = kind_index(["SN Ia", "SN Ia", "SN II"])
    out = survey_weights(np.ones(3), kind)
    assert out.sum() == pytest.approx(3)
    assert out[2] / out.sum() == pytest.approx(SURVEY[1] / (SURVEY[0] + SURVEY[1]))


def test_a_sample_is_cut_to_the_shares() -> None:
    kind = np.repeat(np.arange(len(KINDS)), [4000, 2000, 800, 300, 300, 60])
    kept = in_proportion(np.append(kind, [OTHER] * 7), np.random.default_rng(1))
    assert kept[-7:].all()
    counts = np.bincount(kind[kept[:-7]], minlength=len(KINDS))
    assert counts / counts.sum() == pytest.approx(SURVEY, abs=0.02)
    assert counts[0] == 4000  # the one that is rarest against its share


def test_too_few_kinds_are_left_as_they_are() -> None:
    kind = kind_index(["SN Ia"] * 40 + ["SN II"] * 5)
    assert in_proportion(kind, np.random.default_rng(1)).all()
