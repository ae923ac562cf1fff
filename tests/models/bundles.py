"""Bundles of untrained networks, for tests that need the form and not the knowledge."""

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch

from models.spectral.net import ASTRANet
from models.training.spectral.presets import PRESETS
from plugin.lab.dataset.labelled import Labelled
from plugin.lab.spectra.make_bundle import make_bundle
from tests.models.training.data import ripples


def tiny_labelled() -> Labelled:
    """The tiny set as a folder of data gives it."""
    return Labelled(data=ripples(), splits_hash="0" * 64, rejected=Counter())


def tiny_bundle(folder: Path, *, seeds: tuple[int, ...] = (1, 2), log_bins: int = 0, simulated: float = 0.0) -> Path:
    """A member a seed with random weights, calibrated on the tiny set; the FiLM layers see the metadata."""
    config = replace(PRESETS["tiny"], net=replace(PRESETS["tiny"].net, log_bins=log_bins), simulated=simulated)
    members = {}
    for seed in seeds:
        torch.manual_seed(seed)
        net = ASTRANet(config.net)
        for film in (net.film_sequence, net.film_embedding):
            torch.nn.init.normal_(film.gamma.weight, std=0.1)
        members[seed, "best"] = {k: v.detach() for k, v in net.state_dict().items()}
    name = "velocity" if log_bins else "tiny"
    make_bundle(folder, members, config, tiny_labelled(), name=name, device="cpu", today=date(2026, 1, 1))
    return folder
