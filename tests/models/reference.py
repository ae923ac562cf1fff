"""The plain way to an answer, kept beside the fast one: each network as it was trained, and every score by itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from models.bundle import Bundle
from models.domain import Evidence, Report, Spectrum, Target
from models.sentinel.detector import SeedDetector
from models.sentinel.features import Features
from models.sentinel.scores.registry import SCORES
from models.spectral.ensemble import Ensemble
from models.spectral.net import ASTRANet

ROWS = 4


class PlainNet(torch.nn.Module):
    """A network behind a class of its own: an ensemble takes such ones one by one, in padded batches."""

    def __init__(self, net: ASTRANet) -> None:
        super().__init__()
        self.net, self.config = net, net.config

    def forward(self, *inputs: torch.Tensor):
        return self.net(*inputs)


class PlainDetector:
    """A detector that shares nothing between its scores, and takes all rows at once."""

    def __init__(self, own: SeedDetector) -> None:
        self.own, self.seed, self.combiner = own, own.seed, own.combiner

    def __call__(self, features: Features):
        if self.own.adapter is not None:
            features = self.own.adapter.adapted(features)
        columns = [SCORES[name].function(replace(features), self.own.bank) for name in self.combiner.scores]
        ranks = self.own.ranks(np.stack(columns, axis=1))
        return ranks, self.combiner(ranks, features.exposure[:, 0])


def plain(bundle: Bundle) -> Bundle:
    """The same bundle, answering the plain way."""
    members = [replace(m, net=PlainNet(m.net)) for m in bundle.ensemble.members]
    sentinel = bundle.sentinel
    if sentinel is not None:
        sentinel = type(sentinel)(
            tuple(PlainDetector(d) for d in sentinel.detectors), sentinel.calibration, sentinel.analogs
        )
    return replace(bundle, ensemble=Ensemble(members, readout=bundle.ensemble.readout), sentinel=sentinel)


def decisions(report: Report) -> dict[str, object]:
    """What a reader would act on: status, class, sets at every alpha, policy, flag and the families that fired."""
    confidence, anomaly = report.confidence, report.anomaly
    return {
        "status": str(report.status),
        "class": report.verdict and report.verdict.label,
        "sets": confidence and dict(confidence.prediction_sets),
        "policy": confidence and confidence.policy,
        "flagged": anomaly and anomaly.flagged,
        "fired": anomaly and anomaly.fired,
        "match": report.matches[0] if report.matches else None,
        "caveats": sorted(str(c.code) for c in report.caveats),
    }


def asked(spectra: Sequence[Spectrum]) -> list[tuple[Evidence, tuple[()]]]:
    """As an analyst takes them."""
    return [(Evidence(target=Target(target_id=s.spectrum_id), spectrum=s), ()) for s in spectra]
