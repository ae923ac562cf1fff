"""What is learned besides the class: the right targets, and nothing asked that was given or is unknown."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.domain import FINE_CLASSES
from models.training.dataset import joined
from models.training.spectral.auxiliary import (
    ALL_AUXILIARY,
    OOD_KINDS,
    PHASE_EDGES,
    REDSHIFT_BINS,
    SUBTYPES,
    Auxiliary,
    AuxiliaryConfig,
    kinds,
    out_of_distribution,
    subtypes,
)
from models.training.spectral.presets import PRESETS
from models.training.spectral.sampling import MetadataConfig, metadata
from models.training.spectral.train import train_seed
from tests.models.training.data import ripples

NONE = torch.zeros(2, 3)
UNKNOWN = torch.full((2,), torch.nan)


@pytest.mark.parametrize(
    ("fine", "kind", "subtype"),
    [
        ("SN Ia", "SN Ia-91T-like", "91T"),
        ("SN Ia", "Ia-99aa", "91T"),
        ("SN Ia", "SN Ia", None),
        ("SN Ia", "SN Iax[02cx-like]", "02cx"),
        ("SN Ibc", "SN Ibn", "Ibn"),
        ("SN Ibc", "Ic BL|Ic", "Ic-BL"),
        ("SN Ibc", "SN Ic", "Ic"),
        ("SLSN", "SLSN-II", "SLSN-II"),
        ("SLSN", "SLSN-R", "SLSN-I"),
        ("SN II", "SN IIn-pec", "IIn"),
        ("SN II", "II P", "IIP"),
        ("SN II", "II", None),
        ("TDE", "TDE-H+He", "H+He"),
        ("TDE", "TDE", None),
        ("TDE", "SLSN-I", None),
        ("AGN", "AGN (SDSS QSO)", None),
    ],
)
def test_subtypes_are_read_from_what_sources_write(fine: str, kind: str, subtype: str | None) -> None:
    row = replace(ripples(1).rows(np.array([0])), label=np.array([FINE_CLASSES.index(fine)]), kinds=(kind,))
    found = subtypes(row)[0]
    assert (None if found < 0 else SUBTYPES[found][:2]) == (None if subtype is None else (fine, subtype))


def terms(heads: Auxiliary, **changed: torch.Tensor) -> dict[str, float]:
    asked = {
        "embedding": torch.ones(2, 4),
        "kind": torch.tensor([0, 1]),
        "subtype": torch.tensor([-1, -1]),
        "redshift": UNKNOWN,
        "phase": UNKNOWN,
        "valid": NONE,
    }
    return {k: float(v.detach()) for k, v in heads.terms(**asked | changed).items()}


def test_what_is_unknown_or_given_or_out_of_distribution_is_not_asked() -> None:
    heads = Auxiliary(4)
    nothing = terms(heads)
    assert [nothing[k] for k in ("subtype", "redshift", "phase")] == [0, 0, 0]
    assert nothing["kind"] > 0
    z, phase = torch.tensor([0.05, 0.3]), torch.tensor([-12.0, 150.0])
    asked = terms(heads, redshift=z, phase=phase, subtype=torch.tensor([0, 3]))
    assert min(asked.values()) > 0
    given = terms(heads, redshift=z, phase=phase, valid=torch.tensor([[1.0, 1, 0], [1, 1, 0]]))
    assert given["redshift"] == given["phase"] == 0
    outside = torch.full((2,), len(FINE_CLASSES))
    assert terms(heads, redshift=z, phase=phase, kind=outside)["redshift"] == 0


def test_a_right_answer_costs_less_than_a_wrong_one() -> None:
    heads = Auxiliary(4)
    z, phase = torch.full((2,), float(np.expm1(0.1))), torch.tensor([7.0, 7.0])
    right_z = int((REDSHIFT_BINS - 0.1).abs().argmin())
    right_phase = int(torch.bucketize(phase[:1], PHASE_EDGES)[0])
    assert PHASE_EDGES[right_phase - 1] < 7 <= PHASE_EDGES[right_phase]

    def cost(redshift_bin: int, phase_bin: int) -> dict[str, float]:
        for head, chosen in ((heads.redshift, redshift_bin), (heads.phase, phase_bin)):
            with torch.no_grad():
                head.weight.zero_()
                head.bias.zero_()
                head.bias[chosen] = 5.0
        return terms(heads, redshift=z, phase=phase)

    right, near, far = cost(right_z, right_phase), cost(right_z + 1, right_phase + 1), cost(right_z + 9, 0)
    assert right["redshift"] < near["redshift"] < far["redshift"]
    assert right["phase"] < near["phase"]


def test_ood_examples_are_simulated_of_no_class_and_shown_without_metadata() -> None:
    data = ripples(2)
    others = out_of_distribution(data, 3, seed=1)
    assert len(others) == 3 * len(OOD_KINDS)
    assert (others.label == -1).all()
    assert others.semi_real.all()
    both = joined([data, others])
    assert kinds(both).tolist() == [*data.label, *(len(FINE_CLASSES) + np.repeat(np.arange(len(OOD_KINDS)), 3))]
    everything = MetadataConfig(none=0.0, phase=1.0, redshift=1.0, instrument=1.0)
    _, valid = metadata(both, torch.arange(len(both)), everything, torch.Generator().manual_seed(0))
    assert valid[: len(data)].any()
    assert not valid[len(data) :].any()


def test_a_training_with_them_learns_them(tmp_path) -> None:
    rows = []
    config = replace(PRESETS["tiny"], epochs=3, mixup=0.0, auxiliary=ALL_AUXILIARY)
    train_seed(ripples(10), config, 5, tmp_path, report=rows.append)
    assert rows[-1]["kind"] < rows[0]["kind"]


def test_a_spectrum_is_not_blended_with_an_out_of_distribution_example() -> None:
    with pytest.raises(ValueError, match="MixUp"):
        replace(PRESETS["tiny"], mixup=0.5, auxiliary=AuxiliaryConfig(out_of_distribution=0.1))
