"""NEEDLE without models: its answer follows from name and number of detections, the same for the same input."""

import hashlib
from collections.abc import Mapping, Sequence

from models.domain import NEEDLE_CLASSES, Caveat, CaveatCode, Evidence, HostVerdict, Report, Status
from models.needle.images.prepare import PreparedImages
from models.needle.objects import Fact, ObjectAnswer, input_hash


class FakeObjectAnalyst:
    """Answers by the object's name; fainter objects than 20.5 mag are refused.

    Parameters
    ----------
    labels : mapping of str to str
        Answers that are wanted.
    fails_on : set of str
        Objects at which the models break.
    """

    model_id = "fake-needle@00000000"

    def __init__(self, labels: Mapping[str, str] | None = None, fails_on: frozenset[str] = frozenset()) -> None:
        self.labels, self.fails_on = dict(labels or {}), fails_on
        self.seen: list[Evidence] = []

    def images(self, evidence: Evidence) -> PreparedImages:
        good = [c for c in evidence.cutouts if c.science is not None and c.template is not None]
        code = CaveatCode.BAD_IMAGE if evidence.cutouts else CaveatCode.NO_CUTOUTS
        caveats = () if good else (Caveat(code=code, text="no readable stamps"),)
        return PreparedImages(pair=None, science=None, reference=None, caveats=caveats)

    def run(self, evidence: Evidence, images: PreparedImages, caveats: Sequence[Caveat] = ()) -> ObjectAnswer:
        self.seen.append(evidence)
        name, curve = evidence.target.target_id, evidence.light_curve
        if name in self.fails_on:
            raise FloatingPointError("the trees gave NaN")
        seen = 0 if curve is None else int((curve.mag <= 20.5).sum())
        facts: dict[str, Fact] = {"n_g": seen, "n_r": 0}
        if evidence.host is not None and evidence.host.separation_arcsec is not None:
            facts["host_sep"] = evidence.host.separation_arcsec
        verdict = self._verdict(name) if seen else None
        report = Report(
            target_id=name,
            spectrum_id=None,
            status=Status.OK if verdict else Status.REFUSED,
            reason=None if verdict else "no light curve" if curve is None else "too faint",
            host_verdict=verdict,
            caveats=(*caveats, *images.caveats),
            bundle=self.model_id,
            input_hash=input_hash(evidence),
        )
        return ObjectAnswer(report=report, facts=facts)

    def _verdict(self, name: str) -> HostVerdict:
        digest = hashlib.sha256(name.encode()).digest()
        label = self.labels.get(name, NEEDLE_CLASSES[digest[0] % 3])
        rest = {c: 0.1 for c in NEEDLE_CLASSES if c != label}
        sets = dict.fromkeys(("0.05", "0.1", "0.2"), (label,))
        return HostVerdict(
            label=label,
            probabilities={**rest, label: 0.8},
            model=self.model_id,
            prediction_sets=sets,
            p_mondrian=0.4 + digest[1] / 1000,
        )
