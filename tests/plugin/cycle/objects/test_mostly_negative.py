"""An object most of whose subtractions are negative is told, and called nothing."""

import pytest

from iris_client.protocols import AlertStub
from models.domain import HostVerdict, Report, Status
from models.needle.objects import ObjectAnswer
from plugin.cycle.objects.gather import mostly_negative
from plugin.cycle.objects.producer import _unless


def stubs(signs: str) -> list[AlertStub]:
    return [
        AlertStub(candid=str(i), target_id="a", mjd=61000.0 + i, band="g", mag=18.0, positive=sign == "+")
        for i, sign in enumerate(signs)
    ]


@pytest.mark.parametrize(
    ("signs", "told"), [("", 0), ("+++", 0), ("--", 0), ("--+", 0), ("---+++", 0), ("---", 3), ("----+++", 4)]
)
def test_more_than_half_and_several(signs: str, told: int) -> None:
    reason = mostly_negative(stubs(signs))
    assert (reason or "").startswith(f"{told} of {len(signs)} subtractions are negative" if told else "")
    assert bool(reason) == bool(told)


def test_the_answer_becomes_a_refusal_with_the_reason() -> None:
    rest = {"SLSN-I": 0.0, "TDE": 0.0}
    verdict = HostVerdict(label="SN", probabilities={"SN": 1.0, **rest}, model="m", p_mondrian=0.5, prediction_sets={})
    report = Report(target_id="a", spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle="m")
    answer = ObjectAnswer(report=report, facts={"n_g": 1})
    assert _unless(None, answer) is answer
    refused = _unless("3 of 3 subtractions are negative", answer).report
    assert (refused.status, refused.host_verdict) == (Status.REFUSED, None)
    assert refused.reason == "3 of 3 subtractions are negative"
