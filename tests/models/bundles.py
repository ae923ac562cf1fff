"""Bundles of untrained networks, for tests that need the form and not the knowledge."""

from collections import Counter
from datetime import date
from pathlib import Path

import torch

from models.spectral.net import ASTRANet
from models.training.train import PRESETS
from plugin.labelled import Labelled
from plugin.make_bundle import make_bundle
from tests.models.training.data import ripples


def tiny_bundle(folder: Path) -> Path:
    """Two members with random weights, calibrated on the tiny set; the FiLM layers see the metadata."""
    members = {}
    for seed in (1, 2):
        torch.manual_seed(seed)
        net = ASTRANet(PRESETS["tiny"].net)
        for film in (net.film_sequence, net.film_embedding):
            torch.nn.init.normal_(film.gamma.weight, std=0.1)
        members[seed, "best"] = {k: v.detach() for k, v in net.state_dict().items()}
    labelled = Labelled(data=ripples(), splits_hash="0" * 64, rejected=Counter())
    make_bundle(folder, members, PRESETS["tiny"], labelled, name="tiny", device="cpu", today=date(2026, 1, 1))
    return folder
