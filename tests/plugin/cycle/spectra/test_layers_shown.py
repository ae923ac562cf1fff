"""The anomaly layer where people see it: posts, JSON lines, the vetting card, tables."""

import io
import json
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from models.domain import Anomaly, Report, Spectrum
from models.sentinel.scores import FAMILIES, names
from plugin.app import build
from plugin.batch.classify import line
from plugin.cycle.posting import NONE, Posting
from plugin.cycle.spectra.card import vetting_card
from plugin.cycle.spectra.compose import answer, card_post, no_card, on_source, wants_card
from plugin.ops.doctor import false_alarms
from plugin.settings import Settings
from plugin.store import ASTRANET, Filed, Subject
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import WAVES, FakeMarshal, good
from tests.plugin.conftest import make_settings
from tests.plugin.cycle.spectra.test_compose import report as plain

POSTING = Posting(group_ids=(6,), alpha=0.05)
ANALOG = {"object": "SN2011fe", "class": "SN Ia", "phase_days": 3.2, "redshift": 0.001, "distance": 0.1234,
          "spectrum": "SN2011fe__001", "source": "WISeREP"}  # fmt: skip


def alert(policy: str = "ALERT", **more) -> Report:
    """A report with an anomaly part, as a bundle with the layer gives it."""
    anomaly = Anomaly(
        score=0.987654,
        flagged=True,
        threshold=0.97,
        scores=dict.fromkeys(names(), 0.8),
        families=dict.fromkeys(FAMILIES, 0.8),
        fired=("distance", "density"),
        resembles="novel" if policy == "ALERT" else None,
        seeds=(0.98, 0.99),
        neighbours=(ANALOG, {**ANALOG, "object": "SN1999by", "phase_days": None}),
    )
    base = plain("1")
    confidence = replace(
        base.confidence,
        p_marginal=0.004,
        p_mondrian=0.012345,
        entropy={"total": 0.5, "aleatoric": 0.4, "epistemic": 0.1},
        policy=policy,
        sentence="Odd, perhaps none of the trained classes.",
        cell={"cell": "SN Ia|Q5", "predicted": "SN Ia", "quintile": 5, "size": 30, "level": "cell", "used": 30,
              "threshold": 0.4, "fires": True},
    )  # fmt: skip
    return replace(base, anomaly=anomaly, confidence=confidence, **more)


def filed(report: Report) -> Filed:
    return Filed(
        subject=Subject("spectrum", "1"), producer=ASTRANET, target_id="ZTF26a", version="m", report=report,
        group_ids=(6,),
        filed_at=datetime(2026, 6, 10),
    )  # fmt: skip


def test_posting_keys_are_flat_and_say_what_was_found() -> None:
    body = answer(alert(), 0.05)
    assert (body["anomaly"], body["anomalous"], body["p_mondrian"], body["p_marginal"]) == (0.9877, 1, 0.0123, 0.004)
    assert (body["family"], body["policy"], body["resembles"]) == ("distance|density", "ALERT", "novel")
    assert (body["epistemic"], body["admcp_fires"]) == (0.1, 1)
    assert (body["analog_1"], body["analog_2"]) == ("SN2011fe, SN Ia, +3 d", "SN1999by, SN Ia")
    assert body["analog_distance"] == 0.1234
    assert all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in body.values())
    source, _ = on_source("ZTF26a", [filed(alert())], POSTING)
    assert {f"an_{k}" for k in body} <= set(source.body)


def test_keys_keep_their_type_and_plain_bundles_say_nothing_of_anomalies() -> None:
    quiet = alert("COMMIT")
    quiet = replace(quiet, anomaly=replace(quiet.anomaly, fired=(), flagged=False, neighbours=()))
    one, two = answer(alert(), 0.05), answer(quiet, 0.05)
    assert all(type(one[k]) is type(two[k]) for k in set(one) & set(two))
    assert (two["family"], two["resembles"], two["anomalous"]) == (NONE, NONE, 0)
    assert not {"anomaly", "policy", "p_mondrian", "family"} & set(answer(plain("1"), 0.05))


def test_the_json_line_has_every_key_with_and_without_the_layer() -> None:
    raw = good("1", "ZTF26a")
    full, bare = line(raw, alert()), line(raw, plain("1"))
    assert set(full) == set(bare)
    assert full["p_wrong"] == pytest.approx(1 - 0.012345)
    assert full["admcp"] == {
        "cell": "SN Ia|Q5",
        "size": 30,
        "level": "cell",
        "used": 30,
        "threshold": 0.4,
        "fires": True,
    }
    assert len(full["scores"]) == 16
    assert full["anomalous"] is True
    assert full["neighbours"][0]["object"] == "SN2011fe"
    assert full["anomaly_seeds"] == [0.98, 0.99]
    assert bare["anomalous"] is None
    json.dumps([full, bare], allow_nan=False)


def test_a_report_with_everything_survives_json() -> None:
    assert Report.from_json(alert().to_json()) == alert()


def spectrum() -> Spectrum:
    flux = 1 + 0.3 * np.sin(WAVES / 97)
    return Spectrum(spectrum_id="1", wavelength_A=WAVES, flux=flux, redshift=0.02)


def test_the_card_is_one_picture_and_the_same_one_again() -> None:
    picture = vetting_card(alert(), spectrum(), drawn=lambda _: np.linspace(0, 1, 200))
    pixels = matplotlib.image.imread(io.BytesIO(picture), format="png")
    assert min(pixels.shape[:2]) > 500
    assert 0.02 < (pixels[..., :3].mean(2) < 0.9).mean() < 0.6
    assert vetting_card(alert(), spectrum(), drawn=lambda _: np.linspace(0, 1, 200)) == picture
    assert vetting_card(alert(), spectrum()) != picture
    # The set is that of the operator's error rate.
    assert vetting_card(alert(), spectrum(), alpha=0.1) != vetting_card(alert(), spectrum())
    with pytest.raises(ValueError, match="anomaly"):
        vetting_card(plain("1"), spectrum())


def test_only_alerts_get_a_card() -> None:
    assert wants_card(filed(alert()), POSTING)
    assert not wants_card(filed(alert("COMMIT")), POSTING)
    assert not wants_card(filed(alert()), replace(POSTING, group_ids=(99,)))
    post = card_post(filed(alert()), b"\x89PNG", POSTING)
    assert (post.kind, post.place.kind, post.group_ids) == ("comment", "spectrum", (6,))
    assert post.body["text"].startswith("ASTRANet: ALERT. Odd")
    assert no_card("1").body is None


def test_the_doctor_tells_the_false_alarms_of_a_night() -> None:
    rates = {"anchor": 0.01, "per_seed": 0.01, "seed_union": 0.025, "ALERT": 0.05, "COMMIT": 0.85}
    analyst = SimpleNamespace(expected={"low resolution": rates})
    settings = Settings(regime="seed_union", spectra_per_night=40)
    assert false_alarms(settings, analyst) == (
        "of 40 ordinary spectra a night (regime seed_union) low resolution: 1.0 flagged falsely (2.5 %), 2.0 ALERT, "
        "34.0 COMMIT"
    )
    assert false_alarms(settings, SimpleNamespace(expected={})) == "no anomaly layer"


class AlertingAnalyst(FakeAnalyst):
    """Says ALERT of everything while `alerting`."""

    alerting = True

    def run_many(self, items):
        found = super().run_many(items)
        odd = alert()
        return [replace(r, anomaly=odd.anomaly, confidence=odd.confidence) if self.alerting else r for r in found]


class CommentedMarshal(FakeMarshal):
    """Takes comments and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.comments: list[tuple[str, str, tuple[int, ...], bytes]] = []

    def post_comment(self, place, *, text, group_ids, attachment=None, known_id=None) -> str:
        self.comments.append((f"{place.kind}/{place.id}", text, tuple(group_ids), attachment[1]))
        return "1"


@pytest.fixture
def commented(monkeypatch):
    monkeypatch.setattr(
        "plugin.cycle.spectra.card.vetting_card", lambda report, spectrum, drawn=None, alpha=0.05: b"\x89PNG of " + b"x"
    )
    return CommentedMarshal()


def service(tmp_path, marshal, clock, analyst, **more):
    return build(make_settings(tmp_path, **more), marshal=marshal, analyst=analyst, clock=clock)


def test_an_alert_gets_one_comment_with_its_card(tmp_path, commented, clock) -> None:
    commented.add(good("1", "ZTF26a"))
    with service(tmp_path, commented, clock, AlertingAnalyst()) as app:
        assert app.once().complete
        clock.forward(hours=1)
        assert app.once().complete
    ((place, text, groups, picture),) = commented.comments
    assert (place, groups, picture) == ("spectrum/1", (6,), b"\x89PNG of x")
    assert text.startswith("ASTRANet: ALERT.")
    assert commented.posted["spectrum/1"]["policy"] == "ALERT"


def test_no_card_where_switched_off_or_not_an_alert(tmp_path, commented, clock) -> None:
    commented.add(good("1", "ZTF26a"))
    with service(tmp_path, commented, clock, AlertingAnalyst(), post_cards=False) as app:
        app.once()
    commented.add(good("2", "ZTF26b", modified="2026-06-10T08:00:00.000001"))
    with service(tmp_path, commented, clock, FakeAnalyst()) as app:
        app.once()
    assert not commented.comments


def test_a_comment_stays_when_the_spectrum_is_no_alert_any_more(tmp_path, commented, clock) -> None:
    commented.add(good("1", "ZTF26a"))
    analyst = AlertingAnalyst()
    with service(tmp_path, commented, clock, analyst) as app:
        app.once()
        analyst.alerting = False
        commented.add(good("1", "ZTF26a", modified="2026-06-10T09:00:00.000001"))
        clock.forward(hours=1)
        assert app.once().complete
    assert len(commented.comments) == 1
    assert not [call for call in commented.calls if call[0] == "delete"]
