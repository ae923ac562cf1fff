"""The report card's figures are those that a recount from the raw rows of the database gives."""

import json
import math
from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models.domain import FINE_CLASSES
from plugin.ops.health import Health
from plugin.ops.metrics import exposition
from plugin.ops.metrics_card import card_families
from plugin.store import Store, open_store
from plugin.truth.card.files import read_card
from plugin.truth.card.part import make_card, write_card
from plugin.truth.card.share import LEAST, band, interval, share
from tests.fakes.truth import HOUR, NOW, fill
from tests.plugin.conftest import URL, make_settings

LATER = NOW + timedelta(days=2)
KNOWN_TO_NEEDLE = {"SN Ia": "SN", "SN Ibc": "SN", "SN II": "SN", "SLSN": "SLSN-I", "TDE": "TDE"}
Held = list[tuple[str, bool]]


def raw(store: Store, table: str) -> list[dict[str, Any]]:
    with store.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(f"SELECT * FROM {table}"))]


def truths_by_hand(store: Store) -> dict[str, dict[str, Any]]:
    """One class for each object on which everybody agrees who is sure by half and does not repeat our report."""
    said = defaultdict(list)
    for row in raw(store, "truths"):
        sure = row["probability"] is None or row["probability"] >= 0.5
        if row["withdrawn_at"] is None and not row["derived"] and sure and (row["label"] or row["rare"]):
            said[row["target_id"]].append(row)
    found = {}
    for name, rows in said.items():
        if len({(row["label"], row["rare"]) for row in rows}) == 1:
            one = rows[0]
            late = all(bool(row["after_ours"]) for row in rows)
            found[name] = {"label": one["label"], "rare": one["rare"], "late": late}
    return found


def counted(held: Held) -> tuple[float, int, int]:
    """Hits, objects, spectra; exactly, in fractions."""
    spectra = defaultdict(list)
    for name, hit in held:
        spectra[name].append(hit)
    hits = sum((Fraction(sum(some), len(some)) for some in spectra.values()), Fraction(0))
    return float(hits), len(spectra), len(held)


def agrees(found: dict[str, Any], held: Held) -> None:
    hits, objects, spectra = counted(held)
    assert (found["objects"], found["spectra"]) == (objects, spectra)
    if objects < LEAST:
        assert (found["value"], found["low"], found["high"]) == (None, None, None)
        return
    assert found["value"] == pytest.approx(hits / objects, abs=1e-12)
    assert found["low"] <= found["value"] + 1e-12
    assert found["high"] >= found["value"] - 1e-12


def snr_of(facts: dict[str, Any]) -> str:
    if "snr" not in facts:
        return "unknown"
    for top, name in ((3, "below 3"), (6, "3 to 6"), (12, "6 to 12"), (25, "12 to 25")):
        if facts["snr"] < top:
            return name
    return "25 and more"


def recount(part: dict[str, Any], answers: list[dict[str, Any]], alpha: str) -> None:
    """Every figure of one part from report bodies beside labels."""
    fine = [a for a in answers if a["label"] is not None]
    agrees(part["right"], [(a["object"], a["said"] == a["label"]) for a in fine])
    for by in ("class", "said", "policy", "domain", "instrument", "snr", "month", "bundle"):
        key = "label" if by == "class" else by
        assert set(part["by"][by]) == {a[key] for a in fine}
        for name, found in part["by"][by].items():
            agrees(found, [(a["object"], a["said"] == a["label"]) for a in fine if a[key] == name])
    for label in FINE_CLASSES:
        for said in FINE_CLASSES:
            per = defaultdict(list)
            for a in fine:
                if a["label"] == label:
                    per[a["object"]].append(a["said"] == said)
            whole = sum(sum(some) / len(some) for some in per.values())
            assert part["confusion"][label][said] == pytest.approx(whole, abs=1e-9)
    for found in part["reliability"]:
        some = [a for a in fine if found["from"] <= a["p"] < found["to"] or (found["to"] == 1.0 and a["p"] == 1.0)]
        agrees(found, [(a["object"], a["said"] == a["label"]) for a in some])
    assert sum(found["spectra"] for found in part["reliability"]) == len(fine)
    alphas = sorted({key for a in fine for key in a["sets"]}, key=float)
    assert [found["alpha"] for found in part["coverage"]] == [float(key) for key in alphas]
    for key, found in zip(alphas, part["coverage"], strict=True):
        agrees(found, [(a["object"], a["label"] in a["sets"][key]) for a in fine if key in a["sets"]])
        promised(found, 1 - float(key))
    for domain, found in part["coverage_by_domain"].items():
        some = [a for a in fine if a["domain"] == domain and alpha in a["sets"]]
        agrees(found, [(a["object"], a["label"] in a["sets"][alpha]) for a in some])
    for name in ("p_mondrian", "p_marginal"):
        for key, found in zip(alphas, part["p_values"][name], strict=True):
            agrees(found, [(a["object"], a[name] > float(key)) for a in fine if a[name] is not None])
    agrees(part["admcp"], [(a["object"], not a["fires"]) for a in fine if a["fires"] is not None])


def promised(found: dict[str, Any], level: float) -> None:
    """The verdict on a promise, by adding up the binomial distribution."""
    assert found["promised"] == pytest.approx(level)
    n = found["objects"]
    if n < LEAST:
        assert found["kept"] is None
        return
    below, k = 0.0, 0
    while (below := below + math.comb(n, k) * level**k * (1 - level) ** (n - k)) < 0.025:
        k += 1
    assert found["band_low"] == pytest.approx(k / n)
    assert found["kept"] is (found["value"] >= k / n)


def answers_by_hand(store: Store, truths: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    made = []
    for row in raw(store, "reports"):
        if row["producer"] != "ASTRANet" or not row["is_current"] or row["target_id"] not in truths:
            continue
        body, truth = json.loads(row["body"]), truths[row["target_id"]]
        confidence = body["confidence"] or {}
        cell = confidence.get("cell")
        made.append(
            {
                **truth,
                "object": row["target_id"],
                "said": body["verdict"]["label"],
                "p": max(body["verdict"]["probabilities"].values()),
                "policy": confidence.get("policy") or "none",
                "domain": confidence.get("calibration_cell") or "whole calibration set",
                "instrument": row["instrument"] or "unknown",
                "snr": snr_of(json.loads(row["facts"])),
                "month": str(row["filed_at"])[:7],
                "bundle": body["bundle"],
                "sets": confidence.get("prediction_sets") or {},
                "p_mondrian": confidence.get("p_mondrian"),
                "p_marginal": confidence.get("p_marginal"),
                "fires": None if cell is None or cell["threshold"] is None else cell["fires"],
            }
        )
    return made


def recount_alerts(found: dict[str, Any], store: Store, answers: list[dict[str, Any]]) -> None:
    rows = [
        r for r in raw(store, "reports") if r["producer"] == "ASTRANet" and r["is_current"] and r["policy"] == "ALERT"
    ]
    last: dict[tuple[str, str], str] = {}
    for row in sorted(raw(store, "verdicts"), key=lambda row: row["id"]):
        last[row["spectrum_id"], row["who"]] = row["verdict"]
    held, disputed, unvetted = [], 0, 0
    for row in rows:
        said = {word for (spectrum_id, _), word in last.items() if spectrum_id == row["subject_id"]}
        disputed += len(said) > 1
        unvetted += not said
        if len(said) == 1:
            held.append((row["target_id"], said == {"interesting"}))
    agrees(found["by_vetters"], held)
    assert (found["words"]["disputed"], found["words"]["unvetted"]) == (disputed, unvetted)
    assert sum(found["words"].values()) == found["alerts"]["spectra"] == len(rows)
    for when, late in (("before", False), ("after", True)):
        alerts = [a for a in answers if a["policy"] == "ALERT" and a["late"] is late]
        agrees(found["by_truth"][when], [(a["object"], a["rare"] is not None) for a in alerts])


def recount_needle(found: dict[str, Any], store: Store, truths: dict[str, dict[str, Any]], *, late: bool) -> None:
    held = []
    for row in raw(store, "reports"):
        truth = truths.get(row["target_id"])
        if row["producer"] != "NEEDLE" or truth is None or truth["late"] is not late:
            continue
        expected = KNOWN_TO_NEEDLE.get(truth["label"])
        if expected is not None:
            held.append((row["target_id"], expected, json.loads(row["body"])["host_verdict"]))
    agrees(found["right"], [(name, verdict["label"] == truth) for name, truth, verdict in held])
    for label in ("SN", "SLSN-I", "TDE"):
        agrees(found["by_class"][label], [(n, v["label"] == t) for n, t, v in held if t == label])
        agrees(found["by_said"][label], [(n, v["label"] == t) for n, t, v in held if v["label"] == label])
    for row in found["coverage"]:
        agrees(row, [(n, t in v["prediction_sets"]["0.05"]) for n, t, v in held])


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(objects=st.integers(0, 160), seed=st.integers(0, 10**6))
def test_every_figure_is_what_a_recount_gives(tmp_path_factory, objects, seed):
    folder = tmp_path_factory.mktemp("card")
    given = make_settings(folder)
    with open_store(f"sqlite:///{folder / 'x.sqlite'}", marshal=URL) as store:
        check_recount(store, given, objects, seed)


def check_recount(store: Store, given: Any, objects: int, seed: int) -> None:
    fill(store, objects=objects, seed=seed)
    with store.begin(to_read=True) as unit:
        card = make_card(unit, given, now=LATER)
    truths = truths_by_hand(store)
    answers = answers_by_hand(store, truths)
    for when, late in (("before", False), ("after", True)):
        recount(card[when], [a for a in answers if a["late"] is late], f"{given.alpha:g}")
        recount_needle(card["needle"][when], store, truths, late=late)
    recount_alerts(card["alerts"], store, answers)
    chosen = card["selection"]
    assert chosen["answered"] == objects
    assert (chosen["settled"], chosen["spectra"]) == (len({a["object"] for a in answers}), len(answers))
    assert chosen["rare"] == len({a["object"] for a in answers if a["rare"]})
    assert chosen["settled"] + sum(chosen["undecided"].values()) == objects
    assert sum(row["settled"] for row in chosen["by_said"].values()) == chosen["settled"]


def test_the_recount_holds_on_both_databases(store, tmp_path):
    check_recount(store, make_settings(tmp_path), 120, 7)


def test_an_interval_is_that_of_the_binomial_distribution():
    for n in (10, 37, 200):
        for k in (0, 1, n // 3, n - 1, n):
            low, high = interval(k, n)
            above = sum(math.comb(n, j) * low**j * (1 - low) ** (n - j) for j in range(k, n + 1))
            below = sum(math.comb(n, j) * high**j * (1 - high) ** (n - j) for j in range(k + 1))
            assert above == pytest.approx(0.025 if k else 1.0, abs=1e-9)
            assert below == pytest.approx(0.025 if k < n else 1.0, abs=1e-9)
    assert interval(0, 0) == (0.0, 1.0)
    assert band(0.95, 100) == (0.9, 0.99)


def test_an_object_counts_once_and_few_objects_give_no_figure():
    one = share([("a", True), ("a", False), ("b", True)])
    assert (one.hits, one.objects, one.spectra, one.value, one.interval) == (1.5, 2, 3, None, None)
    many = share([(str(i), i % 2 == 0) for i in range(LEAST)])
    assert (many.value, many.objects) == (0.5, LEAST)


def test_files_are_written_whole_and_read_again(store, tmp_path):
    given = make_settings(tmp_path)
    assert read_card(given.output_dir) is None
    fill(store, objects=60, seed=3)
    folder = write_card(given, store, now=LATER)
    assert {path.name for path in folder.iterdir()} == {"index.html", "report-card.md", "report-card.json"}
    card = read_card(given.output_dir)
    assert card["selection"]["answered"] == 60
    page, words = ((folder / name).read_text() for name in ("index.html", "report-card.md"))
    assert "<script" not in page
    assert "ALFOSC <b>" not in page
    assert "ALFOSC &lt;b" in words
    assert f"{card['selection']['settled']} of them" in words
    for part in ("before", "after"):
        if (value := card[part]["right"]["value"]) is not None:
            assert f"{100 * value:.1f} %" in page
            assert f"{100 * value:.1f} %" in words
    (folder / "report-card.json").write_text('{"schema": 99}')
    assert read_card(given.output_dir) is None
    again = write_card(given, store, now=LATER)
    assert (again / "index.html").read_text() == page


def test_a_card_of_nothing_says_so(store, tmp_path):
    folder = write_card(make_settings(tmp_path), store, now=NOW + HOUR)
    assert "None yet." in (folder / "index.html").read_text()
    assert "None yet." in (folder / "report-card.md").read_text()


def test_metrics_repeat_the_card(store, tmp_path):
    given = make_settings(tmp_path)
    fill(store, objects=120, seed=5)
    write_card(given, store, now=LATER)
    card = read_card(given.output_dir)
    families = {family.name: family for family in card_families(card, LATER + HOUR)}
    assert families["astranet_report_card_age_seconds"].samples[0].value == 3600
    right = {tuple(s.labels.values()): s.value for s in families["astranet_report_card_right"].samples}
    objects = {tuple(s.labels.values()): s.value for s in families["astranet_report_card_objects"].samples}
    for labelled in ("before", "after"):
        found = card[labelled]["right"]
        assert objects[labelled, "all", "all"] == found["objects"]
        assert right.get((labelled, "all", "all", "value")) == found["value"]
        for policy, one in card[labelled]["by"]["policy"].items():
            assert objects[labelled, "policy", policy] == one["objects"]
            assert right.get((labelled, "policy", policy, "low")) == one["low"]
    assert not any("ALFOSC" in text for key in objects for text in key)
    words = {s.labels["verdict"]: s.value for s in families["astranet_report_card_alerts"].samples}
    assert words == card["alerts"]["words"]
    health = Health(live=True, ready=True, reasons=())
    text_ = exposition(store, given, lambda: health).decode()
    assert 'astranet_report_card_coverage{alpha="0.05"' in text_
    (given.output_dir / "report-card" / "report-card.json").write_text(
        '{"schema": 1, "made_at": "2026-06-10T00:00:00"}'
    )
    assert (
        "astranet_live 1.0" in exposition(store, given, lambda: health).decode()
    )  # whoever broke it, the rest is told
