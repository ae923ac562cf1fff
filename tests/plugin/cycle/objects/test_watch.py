"""Parts of NEEDLE's service by themselves: wording, joining, hosts, the spool, what the page and the terminal show."""

import io
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from iris_client.brokers.avro import read_alert
from iris_client.brokers.curves import merged
from models.domain import Caveat, CaveatCode, Host, HostVerdict, LightCurve, Report, Status, Verdict
from plugin.cycle.objects.compose import gone, on_object
from plugin.cycle.objects.gather import host_of, joined_host
from plugin.cycle.objects.spool import SpooledAlerts
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.compose import joint
from plugin.ops.show import needle_report
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.demo.needle import ObjectLook, in_order
from plugin.store import NEEDLE, Filed, object_of
from plugin.web.look.objects import light_curve
from tests.fakes.kafka import record

NOW = datetime(2026, 6, 10, 12)
POSTING = Posting(group_ids=(6, 7))


def filed(label: str | None = "TDE", name: str = "ZTF26a", **more: object) -> Filed:
    each = {c: 0.8 if c == label else 0.1 for c in ("SN", "SLSN-I", "TDE")}
    sets = {"0.05": ("TDE", "SN"), "0.1": ()}
    verdict = HostVerdict(label=label, probabilities=each, model="m", prediction_sets=sets) if label else None
    report = Report(
        target_id=name,
        spectrum_id=None,
        status=Status.OK if label else Status.REFUSED,
        reason=None if label else "no light curve",
        host_verdict=verdict,
        caveats=(Caveat(code=CaveatCode.NO_HOST, text="x"), Caveat(code=CaveatCode.NO_HOST, text="y")),
        bundle="m",
    )
    given = {"facts": {"n_g": 3, "n_r": 0}, "group_ids": (), **more}
    about = {"subject": object_of(name), "producer": NEEDLE, "target_id": name, "version": "1"}
    return Filed(**about, report=report, filed_at=NOW, **given)  # type: ignore[arg-type]


def test_the_set_is_in_a_fixed_order_and_an_empty_one_says_so():
    body = on_object(filed(), POSTING).body
    assert (body["set"], body["set_size"], body["caveats"]) == ("SN|TDE", 2, "no_host")
    assert on_object(filed(), Posting(group_ids=(6,), alpha=0.1)).body["set"] == "none"
    with pytest.raises(ValueError, match="no prediction set for alpha"):
        on_object(filed(), Posting(group_ids=(6,), alpha=0.2))


def test_who_sees_an_answer():
    assert on_object(filed(), POSTING).group_ids == (6, 7)
    assert on_object(filed(group_ids=(7, 9)), POSTING).group_ids == (7,)
    assert on_object(filed(group_ids=(9,)), POSTING).body is None
    assert gone("ZTF26a").body is None


def test_a_refusal_is_silent_unless_it_is_wanted():
    assert on_object(filed(None), POSTING).body is None
    assert on_object(filed(None), Posting(group_ids=(6,), refusals=True)).body["reason"] == "no light curve"


@pytest.mark.parametrize(
    ("spectral", "needle", "word"),
    [("SN Ia", "SN", "agree"), ("SLSN", "SLSN-I", "agree"), ("TDE", "SN", "disagree"), ("AGN", "TDE", "outside"),
     ("CV", "SN", "outside"), ("SN II", "SLSN-I", "disagree")],
)  # fmt: skip
def test_how_two_classes_go_together(spectral, needle, word):
    verdict = Verdict(label=spectral, probabilities={spectral: 1.0}, coarse={})
    body = joint(verdict, filed(needle).report)
    assert body == {"an_needle": needle, "an_joint": word, "an_disagrees": int(word == "disagree")}


def test_nothing_is_joined_where_one_is_missing():
    verdict = Verdict(label="TDE", probabilities={"TDE": 1.0}, coarse={})
    assert joint(verdict, None) == joint(verdict, filed(None).report) == joint(None, filed().report) == {}


@pytest.mark.parametrize(("row", "is_host"), [({}, True), ({"sgscore1": 0.9}, False), ({"distpsnr1": 25.0}, False),
                                              ({"sgscore1": None}, False), ({"distpsnr1": None}, False)])  # fmt: skip
def test_the_nearest_source_is_a_host_when_it_is_near_and_no_star(row, is_host):
    packet = invented("ZTF26aaaaaaa", 1)
    alert = read_alert(record({**packet, "candidate": packet["candidate"] | row}))
    assert (host_of(alert) is not None) == is_host


def test_the_marshals_host_wins_and_takes_the_magnitudes_of_the_same_galaxy():
    given = Host(separation_arcsec=3.0, ra_deg=150.0, dec_deg=20.0, redshift=0.05)
    near, far = (Host(mags={"g": 18.0}, separation_arcsec=d) for d in (2.0, 9.0))
    assert joined_host(given, near).mags == {"g": 18.0}
    assert joined_host(given, near).ra_deg == 150.0
    assert joined_host(given, far) == given
    assert joined_host(None, far) == far
    assert joined_host(given, None) == given
    assert joined_host(None, None) is None


def curve(mjd: list[float], mag: list[float], band: str = "g") -> LightCurve:
    limit = np.full(len(mjd), 20.5)
    is_limit = np.isnan(np.array(mag)).astype(float)
    return LightCurve(
        mjd=np.array(mjd), band=(band,) * len(mjd), mag=np.array(mag), mag_error=0 * limit, limit_mag=limit,
        is_limit=is_limit,
    )  # fmt: skip


def test_one_exposure_in_two_curves_is_one_and_the_detection_stays():
    nan = float("nan")
    found = merged([curve([1.0, 2.0], [nan, 19.0]), None, curve([1.00003, 2.0, 3.0], [18.0, 18.5, 17.0])])
    assert found.mag.tolist() == [18.0, 19.0, 17.0]
    assert found.is_limit.tolist() == [0, 0, 0]
    assert len(merged([curve([1.0], [18.0]), curve([1.0], [18.0], "r")]).mjd) == 2
    assert merged([None, None]) is None


class Stream:
    """Messages that arrive once, and who is told of them."""

    def __init__(self, *packets: dict) -> None:
        self.waiting, self.keep, self.commits = list(packets), None, 0

    def receive(self) -> list:
        got, self.waiting = self.waiting, []
        for packet in got:
            message = record(packet)
            self.keep(read_alert(message), message)
        return got

    def commit(self) -> None:
        self.commits += 1


def test_the_spool_keeps_what_is_watched_whatever_it_is_called(tmp_path: Path):
    odd = "../../etc/passwd"
    stream = Stream(invented("ZTF26aaaaaaa", 1), invented("ZTF26bbbbbbb", 2), invented(odd, 3))
    spool = SpooledAlerts(stream, tmp_path / "spool")  # type: ignore[arg-type]
    found = spool.news(["ZTF26aaaaaaa", odd], since_mjd=0.0)
    assert sorted(s.candid for s in found) == ["1", "3"]
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 2
    assert all(p.is_relative_to(tmp_path / "spool") for p in tmp_path.rglob("*") if p.is_file())
    assert spool.alert(odd, "3").cutouts.science is not None
    assert stream.commits == 0
    spool.seen()
    assert stream.commits == 1
    again = SpooledAlerts(Stream(), tmp_path / "spool")  # type: ignore[arg-type]
    assert [s.candid for s in again.alerts("ZTF26aaaaaaa")] == ["1"]


def test_the_page_puts_rare_classes_first_and_refusals_last():
    looks = [ObjectLook(filed=filed(label, name), alpha=0.05)
             for label, name in ((None, "a"), ("SN", "b"), ("SLSN-I", "c"), ("TDE", "d"))]  # fmt: skip
    assert [look.name for look in in_order(looks)] == ["d", "c", "b", "a"]
    assert looks[0].probabilities == []
    assert looks[3].joint == "no spectrum"
    said = {"an_class": "SN Ia", "an_joint": "disagree"}
    assert ObjectLook(filed=filed(), alpha=0.05, said=said).joint == "disagrees with SN Ia"


def test_the_score_history_is_shown_and_drawn():
    rows = [[61000.0 + k, 0.9 - 0.1 * k, 0.05, 0.05 + 0.1 * k] for k in range(20)]
    one = filed()
    verdict = replace(one.report.host_verdict, details={"history": rows})
    known = replace(one, report=Report.from_json(replace(one.report, host_verdict=verdict).to_json()))
    console = Console(file=io.StringIO(), width=100)
    console.print(needle_report(known))
    text = console.file.getvalue()
    assert "61019.00" in text
    assert "61000.00" not in text
    picture = ObjectLook(filed=known, alpha=0.05).history
    assert picture.count("<polyline") == 3
    assert ObjectLook(filed=one, alpha=0.05).history == ""


def test_a_light_curve_is_drawn_and_its_name_is_escaped():
    picture = light_curve("<b>x", curve([1.0, 2.0, 3.0], [18.0, float("nan"), 19.0]))
    assert picture.count("<circle") == 2
    assert "<b>" not in picture
    assert light_curve("x", None) == light_curve("x", curve([1.0], [float("nan")])) == ""
