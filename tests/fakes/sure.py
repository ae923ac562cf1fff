"""An analyst whose policies are set by the test: spectrum id to policy."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from models.domain import Anomaly, Caveat, Evidence, Report
from tests.fakes.analyst import FakeAnalyst


class PolicyAnalyst(FakeAnalyst):
    """Answers as the fake does, with the policy that `policies` holds for a spectrum; ABSTAIN for others."""

    def __init__(self, policies: Mapping[str, str], bundle_id: str = "fake-1@00000000") -> None:
        super().__init__(bundle_id)
        self.policies = dict(policies)

    def _one(self, evidence: Evidence, caveats: tuple[Caveat, ...]) -> Report:
        report = super()._one(evidence, caveats)
        if report.confidence is None or report.spectrum_id is None:
            return report
        policy = self.policies.get(report.spectrum_id, "ABSTAIN")
        confidence = replace(
            report.confidence, policy=policy, p_mondrian=0.004, p_marginal=0.01, sentence=f"{policy} because <of> it."
        )
        anomaly = Anomaly(
            score=0.97, flagged=policy == "ALERT", threshold=0.9, scores={}, families={}, resembles="novel"
        )
        return replace(report, confidence=confidence, anomaly=anomaly)


def all_alerts(numbers: Sequence[int]) -> PolicyAnalyst:
    """Every one of these is an alert."""
    return PolicyAnalyst({str(n): "ALERT" for n in numbers})
