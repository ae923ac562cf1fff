"""A tiny model end to end: it learns, resumes exactly, and cannot learn shuffled labels."""

import dataclasses

import numpy as np
import pytest
import torch

from models.spectral.net import ASTRANet
from models.training.spectral.auxiliary import ALL_AUXILIARY
from models.training.spectral.presets import PRESETS
from models.training.spectral.train import predict, train_seed
from tests.models.training.data import ripples

TINY = PRESETS["tiny"]


def accuracy(weights, data) -> float:
    net = ASTRANet(TINY.net)
    net.load_state_dict(weights)
    return float((predict(net.eval(), data).argmax(1) == data.label).mean())


@pytest.mark.slow
def test_it_learns_what_can_be_learnt_and_nothing_else(tmp_path) -> None:
    data = ripples(12)
    rows = []
    members = train_seed(data, TINY, 1, tmp_path / "true", report=rows.append)
    assert set(members) == {"best", "swa"}
    assert len(rows) == TINY.epochs
    assert accuracy(members["best"], data.part("test")) > 0.6
    shuffled = dataclasses.replace(data, label=np.random.default_rng(0).permutation(data.label))
    chance = train_seed(shuffled, TINY, 1, tmp_path / "shuffled")
    assert accuracy(chance["best"], shuffled.part("test")) < 0.45


def test_a_compiled_network_learns_the_same(tmp_path, monkeypatch) -> None:
    """Traced as the compiler would, without its C++ backend, which not every machine has."""
    data, short = ripples(10), dataclasses.replace(TINY, epochs=1, steps_per_epoch=2)
    plain = train_seed(data, short, 5, tmp_path / "plain")
    compiled, asked = torch.compile, []

    def traced(net, **options):
        asked.append(net)
        return compiled(net, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", traced)
    other = train_seed(data, short, 5, tmp_path / "compiled", compiled=True)
    assert len(asked) == 1
    assert set(plain["best"]) == set(other["best"])
    for name, value in plain["best"].items():
        torch.testing.assert_close(other["best"][name], value, rtol=1e-3, atol=1e-4, msg=name)


MORE = {
    "plain": {},
    "auxiliary": {"mixup": 0.0, "auxiliary": ALL_AUXILIARY},
    "muon": {"matrix_rate": 10.0, "simulated": 0.3},
}


SLOWER = ("auxiliary", "muon")


@pytest.mark.parametrize(
    "more", [pytest.param(v, id=k, marks=[pytest.mark.slow] * (k in SLOWER)) for k, v in MORE.items()]
)
def test_an_interrupted_training_ends_the_same(tmp_path, more) -> None:
    data, short = ripples(10), dataclasses.replace(TINY, epochs=3, steps_per_epoch=2, **more)
    whole = train_seed(data, short, 5, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop_after_two(row) -> None:
        if row["epoch"] == 1:
            raise Stop

    with pytest.raises(Stop):
        train_seed(data, short, 5, tmp_path / "broken", report=stop_after_two)
    rows = []
    resumed = train_seed(data, short, 5, tmp_path / "broken", report=rows.append)
    assert [r["epoch"] for r in rows] == [2]
    for kind in ("best", "swa"):
        for name, value in whole[kind].items():
            torch.testing.assert_close(resumed[kind][name], value, rtol=0, atol=0, msg=f"{kind} {name}")
