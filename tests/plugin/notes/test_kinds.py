"""Rows and rules of each kind of note, and the figures that notes quote."""

import numpy as np
import pytest

from models.bundle import SHIPPED, verify
from models.conformal.purity import purities_of
from models.domain import FINE_CLASSES, HumanLabel, PhaseEstimate, RedshiftEstimate, Subtype
from models.needle import model as needle
from plugin.notes import compose, select
from plugin.notes.figures import card_figures, selected_figures
from plugin.notes.kinds.anomalies import ORDINARY, figures_of_alerts
from plugin.notes.kinds.candidates import ORDINARY as ORDINARY_SUPERNOVA
from plugin.notes.kinds.candidates import UNSURE, figures_of
from plugin.notes.rules import CLASSIFIED, NO_ANSWER, OLD
from tests.fakes.notes import ANOMALIES, AS_OF, CANDIDATES, CLASSES, NIGHT, candidate, entry, filed, refused, report


def row_of(kind, made):
    (row,) = compose(kind, NIGHT, [made], as_of=AS_OF).related
    return dict(zip(kind.columns, row.cells(), strict=True))


def left_out(kind, made):
    return dict(select(kind, [made], NIGHT).left_out)


def estimate(value, **more):
    return RedshiftEstimate(value=value, alpha=0.05, best=value or 0.3, share=0.9, **more)


def test_what_the_spectrum_itself_shows_is_in_the_row_with_its_origin():
    told = {
        "redshift": estimate(0.081, low=0.078, high=0.084),
        "phase": PhaseEstimate(days=3.2, low=-2.1, high=8.4, alpha=0.05, cell="all", cell_size=100),
        "subtype": Subtype(
            label="Ia-91T",
            probabilities={"Ia-norm": 0.4, "Ia-91T": 0.6, "Iax": 0.0},
            prediction_sets={"0.05": ("Ia-91T",)},
        ),
    }
    row = row_of(CLASSES, entry(known={"redshift": None}, **told))
    assert (row["Redshift"], row["Phase"], row["Subtype"]) == ("0.081", "+3 d (-2 to +8)", "Ia-91T")
    assert "redshift from matching the spectrum with those of an archive (0.078 to 0.084)" in row["Remarks"]
    known = row_of(CLASSES, entry(known={"redshift_origin": "host"}, **told))
    assert (known["Redshift"], "redshift from host" in known["Remarks"]) == ("0.0500", True)
    unbelieved = row_of(CLASSES, entry(known={"redshift": None}, redshift=estimate(None)))
    assert (unbelieved["Redshift"], "redshift" in unbelieved["Remarks"]) == ("", False)


@pytest.mark.parametrize("label", FINE_CLASSES)
def test_an_anomaly_is_listed_whatever_its_class(label):
    row = row_of(ANOMALIES, entry(label=label, p=0.83, policy="ALERT", rarity=0.004, fired=("distance", "density")))
    assert row["Obj-Type"] == "anomaly candidate"
    assert row["Looks like"] == f"{label} (0.83)"
    assert row["As odd"] == f"0.4 % of {label}"
    assert row["Stands out by"] == "distance, density"
    assert row["Impression"] == f"like {label} at first sight, unusual in detail"
    assert row["Nearest known"] == "SN2011fe, SN Ia, +3 d"


def test_the_most_unusual_comes_first():
    made = [entry("a", policy="ALERT", rarity=0.04), entry("b", policy="ALERT", rarity=0.001)]
    made.append(entry("a", "2", policy="ALERT", rarity=0.03))
    chosen = select(ANOMALIES, made, NIGHT).candidates
    assert [(e.target.target_id, e.report.spectrum_id) for e in chosen] == [("b", "1"), ("a", "2")]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (entry(policy="COMMIT"), ORDINARY),
        (entry(policy="ABSTAIN"), ORDINARY),
        (entry(said=refused()), NO_ANSWER),
        (entry(policy="ALERT", observed_at="2026-04-01T00:00:00"), OLD),
        (entry(policy="ALERT", known={"classifications": (HumanLabel("Ia"),)}), CLASSIFIED),
    ],
)
def test_who_is_no_anomaly(made, reason):
    assert left_out(ANOMALIES, made) == {reason: 1}


def test_a_candidate_has_the_columns_of_the_needle_paper():
    row = row_of(CANDIDATES, candidate())
    assert (row["Obj-Type"], row["Score"], row["Detections"]) == ("TDE candidate", "0.90", "g 5, r 4")
    assert (row["Days to threshold"], row["Host"]) == ("5.0", "0.8 arcsec away")
    assert (row["Model"], row["Spectrum"]) == ("needle-4@6279b9d7", "none")
    assert row["Source"] == "alerts until 2026-06-09"


def test_what_a_spectrum_later_said_stands_beside_the_candidate():
    agrees = row_of(CANDIDATES, candidate(spectra=(filed(report(label="TDE", p=0.9)),)))
    assert agrees["Spectrum"] == "TDE 0.90 (2026-06-10, SEDM)"
    other = row_of(CANDIDATES, candidate(spectra=(filed(report(label="SN II", p=0.97)),)))
    assert other["Spectrum"] == "SN II 0.97 (2026-06-10, SEDM)"
    assert "the spectrum speaks for another class" in other["Remarks"]
    assert row_of(CANDIDATES, candidate(spectra=(filed(refused()),)))["Spectrum"] == "no class could be given"


def test_the_redshift_is_the_objects_its_hosts_or_its_spectrums():
    bare = {"known": {"redshift": None}}
    photometric = row_of(
        CANDIDATES, candidate(**bare, details={"host_z": 0.21, "host_z_error": 0.03, "host_source": "LS DR10"})
    )
    assert photometric["Redshift"] == "0.21"
    assert "redshift from the colours of the host (LS DR10, 0.21 +/- 0.03)" in photometric["Remarks"]
    measured = row_of(CANDIDATES, candidate(**bare, details={"host_z": 0.2134, "host_source": "SDSS"}))
    assert (measured["Redshift"], "redshift from the host (SDSS)" in measured["Remarks"]) == ("0.2134", True)
    seen = {"host_z": 0.2134, "host_z_kind": "spectroscopic", "host_source": "Sherlock, NED"}
    assert (
        "redshift from a spectrum of the host (Sherlock, NED)"
        in row_of(CANDIDATES, candidate(**bare, details=seen))["Remarks"]
    )
    spectral = row_of(CANDIDATES, candidate(**bare, spectra=(filed(report(label="TDE", redshift=estimate(0.19))),)))
    assert spectral["Redshift"] == "0.190"
    assert row_of(CANDIDATES, candidate(**bare))["Redshift"] == ""


def test_days_to_the_threshold_count_from_discovery_to_the_first_crossing():
    dipped = candidate(days=(1.0, 3.0, 4.0, 9.0), scores=(0.1, 0.8, 0.5, 0.9))
    assert row_of(CANDIDATES, dipped)["Days to threshold"] == "3.0"
    cut = candidate(days=tuple(float(d) for d in range(30)), scores=(0.9,) * 30, discovery=61191.0 - 50)
    assert row_of(CANDIDATES, cut)["Days to threshold"] == "50.0 or fewer"
    assert row_of(CANDIDATES, candidate(discovery=None))["Days to threshold"] == ""


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (candidate(label="SN"), ORDINARY_SUPERNOVA),
        (candidate(score=0.79), UNSURE),
        (candidate(days=(-90.0,), scores=(0.9,)), OLD),
        (candidate(known={"tns_name": "TDE 2026abc"}), CLASSIFIED),
    ],
)
def test_who_is_no_candidate(made, reason):
    assert left_out(CANDIDATES, made) == {reason: 1}


def test_purity_and_recall_are_counted_of_what_is_chosen():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 7, 400)
    fine = rng.dirichlet(np.ones(7) * 0.3, 400)
    fine[np.arange(400), label] += 1.5
    fine /= fine.sum(1, keepdims=True)
    found = purities_of({"fine": fine, "label": label, "spacing": np.full(400, 25.0)})
    threshold = np.sort(1 - fine[np.arange(400), label])[int(np.ceil(401 * 0.95)) - 1]
    kept = 1 - fine <= threshold
    for column, name in enumerate(FINE_CLASSES):
        chosen = found.chosen(name, "low resolution", least=0.6, alpha=0.05)
        by_hand = [
            i for i in range(400) if kept[i].tolist() == [c == column for c in range(7)] and fine[i, column] >= 0.6
        ]
        assert chosen.chosen == len(by_hand)
        assert chosen.right == sum(label[i] == column for i in by_hand)
        assert chosen.members == int((label == column).sum())
        value, low, high = chosen.purity
        assert low <= value == chosen.right / chosen.chosen <= high
    assert found.chosen("TDE", "high resolution", least=0.6, alpha=0.05) is None


def test_the_shipped_models_have_figures_of_both_resolutions():
    card = verify(SHIPPED)
    found = selected_figures(SHIPPED, card, least=0.6, alpha=0.05)
    assert set(found.domains) == {"low resolution", "high resolution"}
    assert found.of_selection
    low, high = (found.domains[name].measured["SN Ia"].purity for name in ("low resolution", "high resolution"))
    assert low.value != high.value
    of_card = card_figures(card)
    assert not of_card.of_selection
    real = card["metrics"]["domains"]["low resolution"]["real"]
    assert of_card.domains["low resolution"].measured["TDE"].purity.value == real["precision"]["TDE"]["value"]
    assert figures_of_alerts(card)["low resolution"].spectra == real["spectra"]
    stricter = selected_figures(SHIPPED, card, least=0.95, alpha=0.05).domains["low resolution"].measured["SN Ia"]
    assert stricter.recall.value < found.domains["low resolution"].measured["SN Ia"].recall.value
    of_needle = figures_of(needle.verify(needle.SHIPPED), "purity")
    assert set(of_needle) == {"TDE", "SLSN-I"}


def test_a_bundle_without_probabilities_of_calibration_has_its_cards_figures():
    card = {k: v for k, v in verify(SHIPPED).items() if k != "sentinel"}
    assert selected_figures(SHIPPED, card, least=0.6, alpha=0.05) == card_figures(card)
    assert card_figures({k: v for k, v in card.items() if k != "metrics"}).domains == {}
