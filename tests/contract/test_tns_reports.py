"""Reports to the TNS stand-in by our client: every answer it can give, and every way in which one can get lost."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from iris_client.errors import NotFound, Refused, Unavailable, Uncertain
from iris_client.tns.budget import Budget
from iris_client.tns.client import Tns
from iris_client.tns.feedback import Verdict, read_feedback
from iris_client.tns.hosts import Door, may_report_to
from iris_client.tns.mirror import TnsObject
from iris_client.tns.reporter import Reporter
from iris_client.tns.values import IdTables, read_values
from plugin.sandbox import FaultKind
from plugin.sandbox.faults import Fault
from plugin.sandbox.tns.stand_in import TnsSandbox
from tests.fakes.tns import Seconds

OBJECT = TnsObject(objid=7, prefix="AT", name="2026abc", ra_deg=10.0, dec_deg=5.0)
TEXT = b"# a spectrum\n3800.0 1.0\n3801.0 1.1\n"


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture(params=["new", "old"])
def sandbox(request, seconds: Seconds) -> Iterator[TnsSandbox]:
    with TnsSandbox(clock=seconds, envelope=request.param) as made:
        made.add(OBJECT)
        yield made


@pytest.fixture
def who(sandbox: TnsSandbox) -> dict[str, Any]:
    return {"bot_id": sandbox.bot[0], "bot_name": sandbox.bot[1], "api_key": sandbox.api_key}


@pytest.fixture
def reporter(sandbox: TnsSandbox, who: dict[str, Any], seconds: Seconds) -> Iterator[Reporter]:
    with Reporter(sandbox.url, **who, budget=Budget(clock=seconds, sleep=seconds.sleep), timeout_s=0.5) as made:
        yield made


def report_of(file: str, **change: Any) -> dict[str, Any]:
    spectrum = {
        "obsdate": "2026-06-09 05:00:00",
        "instrumentid": "149",
        "observer": "Robot",
        "spectypeid": "10",
        "ascii_file": file,
        "remarks": "ours",
        **change.pop("spectrum", {}),
    }
    entry = {"name": "2026abc", "classifier": "A. Bee", "objtypeid": "3", "groupid": "48", **change}
    return {"classification_report": {"0": {**entry, "spectra": {"spectra-group": {"0": spectrum}}}}}


def outcome(reporter: Reporter, report_id: str) -> Any:
    for _ in range(5):
        if (found := reporter.reply(report_id)) is not None:
            return found
    raise AssertionError("never answered")


def test_a_report_is_uploaded_taken_pending_and_accepted(sandbox: TnsSandbox, reporter: Reporter) -> None:
    stored = reporter.upload("spectrum.ascii", TEXT)
    assert sandbox.reports.files == {stored: TEXT}
    assert reporter.stands("2026abc").type is None
    number = reporter.submit(report_of(stored))
    assert reporter.reply(number) is None
    found = outcome(reporter, number)
    assert (found.verdict, found.new_name, found.reasons) == (Verdict.ACCEPTED, "SN 2026abc", ())
    standing = reporter.stands("2026abc")
    (spectrum,) = standing.spectra
    assert (standing.type, spectrum["instrument_id"], spectrum["remarks"]) == ("SN Ia", 149, "ours")


def test_the_same_report_again_exists_already(sandbox: TnsSandbox, reporter: Reporter) -> None:
    stored = reporter.upload("spectrum.ascii", TEXT)
    outcome(reporter, reporter.submit(report_of(stored)))
    found = outcome(reporter, reporter.submit(report_of(stored)))
    assert (found.verdict, found.reasons) == (Verdict.DUPLICATE, ("Classification exists.",))
    assert len(sandbox.reports.spectra["2026abc"]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"objtypeid": "999"}, "objtypeid: The value is not one of the list."),
        ({"groupid": "1"}, "groupid: The bot is no member of this group."),
        ({"name": "1999zz"}, "name: No results found."),
        ({"classifier": ""}, "classifier: This field is required."),
    ],
)
def test_a_wrong_report_is_rejected_with_the_reason(reporter: Reporter, change: dict[str, str], said: str) -> None:
    stored = reporter.upload("spectrum.ascii", TEXT)
    found = outcome(reporter, reporter.submit(report_of(stored, **change)))
    assert (found.verdict, found.reasons) == (Verdict.REJECTED, (said,))
    assert reporter.stands("2026abc").type is None


def test_a_report_whose_spectrum_is_wrong_is_taken_in_part(reporter: Reporter) -> None:
    found = outcome(reporter, reporter.submit(report_of("never-uploaded.ascii")))
    assert (found.verdict, found.reasons) == (Verdict.PARTIAL, ("ascii_file: There is no such file.",))
    assert reporter.stands("2026abc").spectra == ()


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.TIMEOUT, FaultKind.SHORT_BODY, FaultKind.TRUNCATED,
                                  FaultKind.HTML, FaultKind.BAD_GATEWAY, FaultKind.SERVER_ERROR,
                                  FaultKind.WRONG_TYPES, FaultKind.RATE_LIMIT])  # fmt: skip
def test_a_lost_answer_to_a_report_is_uncertain_whatever_came_instead(
    sandbox: TnsSandbox, reporter: Reporter, kind: FaultKind
) -> None:
    sandbox.faults = lambda seen: Fault(kind=kind, after=True) if seen.path.endswith("bulk-report") else None
    with pytest.raises(Uncertain):
        reporter.submit(report_of("x"))
    assert len(sandbox.reports.taken) == 1  # sent once, whatever the answer


def test_what_was_never_sent_is_not_uncertain(sandbox: TnsSandbox, who: dict[str, Any], seconds: Seconds) -> None:
    with Reporter("http://127.0.0.1:9", **who) as nobody, pytest.raises(Unavailable) as caught:
        nobody.submit(report_of("x"))
    assert type(caught.value) is Unavailable
    budget = Budget(clock=seconds, sleep=seconds.sleep)
    budget.everything.remaining, budget.everything.until = 0, seconds.now + 3000
    with Reporter(sandbox.url, **who, budget=budget) as poor, pytest.raises(Unavailable) as caught:
        poor.submit(report_of("x"))
    assert (type(caught.value), caught.value.status) == (Unavailable, 429)
    assert caught.value.retry_after == pytest.approx(3000)
    assert sandbox.reports.taken == {}


def test_a_wrong_key_is_refused_and_told_without_it(sandbox: TnsSandbox, who: dict[str, Any]) -> None:
    with Reporter(sandbox.url, **{**who, "api_key": "a-wrong-key-0123"}) as stranger:
        for call in (lambda: stranger.submit(report_of("x")), lambda: stranger.upload("x.ascii", TEXT)):
            with pytest.raises(Refused) as caught:
                call()
            assert "a-wrong-key-0123" not in f"{caught.value} {stranger!r}"


@pytest.mark.parametrize("page", ["503", "200"])
def test_maintenance_keeps_reports_waiting(sandbox: TnsSandbox, reporter: Reporter, page: Any) -> None:
    sandbox.maintenance = page
    with pytest.raises(Unavailable):
        reporter.upload("spectrum.ascii", TEXT)
    with pytest.raises(Unavailable):
        reporter.reply("277000")
    with pytest.raises(Uncertain):
        reporter.submit(report_of("x"))


def test_numbers_come_by_name(reporter: Reporter) -> None:
    found = reporter.values("asked")
    assert (found.type_id("SN Ib/c"), found.type_id("sn ia"), found.type_id("SN Zz")) == (6, 3, None)
    assert (found.instrument_id("SEDM"), found.instrument_id("P200 - NGPS"), found.instrument_id("EFOSC")) == (
        149,
        285,
        None,
    )
    listed = [{"id": "149", "name": "P60 - SEDM"}]
    assert read_values({"object_types": {"SN Ia": 3}, "instruments": listed}, "x").instruments == {"P60 - SEDM": 149}
    assert IdTables(instruments={"A - FLOYDS": 1, "B - FLOYDS": 2}).instrument_id("FLOYDS") is None


def test_an_object_that_is_not_there(reporter: Reporter) -> None:
    with pytest.raises(NotFound):
        reporter.stands("1999zz")


# Where reports may go


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://sandbox.wis-tns.org", True),
        ("https://sandbox.wis-tns.org/api/set/bulk-report", True),
        ("http://127.0.0.1:8080", True),
        ("http://sandbox.wis-tns.org", False),
        ("https://sandbox.wis-tns.org:8443", False),
        ("https://www.wis-tns.org", False),
        ("https://wis-tns.org", False),
        ("https://sandbox.wis-tns.org.evil.example", False),
        ("https://evil.example/sandbox.wis-tns.org", False),
        ("https://sandbox.wis-tns.org@evil.example", False),
        ("https://sandbox.wis-tns.org:x", False),
    ],
)
def test_reports_go_to_the_sandbox_and_this_machine_only(url: str, allowed: bool) -> None:
    assert may_report_to(url, production=False) is allowed
    assert may_report_to(url, production=True) is (allowed or url == "https://www.wis-tns.org")


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that would have left this machine, at the last place where that can be seen."""
    sent: list[str] = []

    def send(self: Any, request: requests.PreparedRequest, *more: Any, **how: Any) -> Any:
        sent.append(str(request.url))
        raise requests.ConnectTimeout

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", send)
    return sent


def test_with_the_switch_off_nothing_leaves_for_production(wire: list[str], who: dict[str, Any]) -> None:
    for address in ("https://www.wis-tns.org", "https://wis-tns.org", "https://evil.example"):
        with pytest.raises(ValueError, match="sandbox"):
            Reporter(address, **who)
        reporter = Reporter("https://sandbox.wis-tns.org", **who)
        reporter.url = address  # a mistake elsewhere in the program
        everything = [
            lambda r=reporter: r.submit(report_of("x")),
            lambda r=reporter: r.upload("x", TEXT),
            lambda r=reporter: r.reply("1"),
            lambda r=reporter: r.stands("2026abc"),
            lambda r=reporter: r.values("x"),
            lambda r=reporter: r.object("2026abc"),
        ]
        for call in everything:
            with pytest.raises(Refused, match="do not go to"):
                call()
    assert wire == []


def test_the_reader_reads_from_production_and_can_write_nowhere(wire: list[str], who: dict[str, Any]) -> None:
    for address in ("https://www.wis-tns.org", "https://sandbox.wis-tns.org"):
        reader = Tns(address, **who)
        for path in ("/api/set/bulk-report", "/api/set/file-upload", "/API/Set/bulk-report"):
            with pytest.raises(Refused, match="only reads"):
                reader._post(path, {}, 1.0)
    assert wire == []
    with pytest.raises(Unavailable):
        reader._once("get/object", {"objname": "2026abc"}, cone=False)
    assert wire == ["https://sandbox.wis-tns.org/api/get/object"]


def test_a_door_refuses_before_any_connection(wire: list[str]) -> None:
    session = requests.Session()
    session.mount("https://", Door(writes=True))
    with pytest.raises(Refused):
        session.post("https://www.wis-tns.org/api/get/bulk-report-reply")
    assert wire == []


def test_with_the_switch_on_it_goes_to_production(wire: list[str], who: dict[str, Any]) -> None:
    with Reporter("https://www.wis-tns.org", **who, production=True) as reporter, pytest.raises(Unavailable):
        reporter.submit(report_of("x"))
    assert wire == ["https://www.wis-tns.org/api/set/bulk-report"]


@pytest.mark.parametrize("payload", [{}, {"feedback": {}}, {"feedback": None}, [], {"x": {"y": [1, None, "words"]}}, 7])
def test_feedback_that_is_none_is_no_acceptance(payload: Any) -> None:
    assert read_feedback(payload, refused=False).verdict is Verdict.REJECTED


def test_the_objects_other_fields_survive(sandbox: TnsSandbox, reporter: Reporter) -> None:
    stored = reporter.upload("spectrum.ascii", TEXT)
    outcome(reporter, reporter.submit(report_of(stored)))
    assert sandbox.objects[7] == replace(OBJECT, prefix="SN", type="SN Ia")
