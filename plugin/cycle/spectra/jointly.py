"""Spectrum and source as one probability: keys of the source's annotation beside those of the spectrum alone.

an_joined_class, an_joined_p   text, number  the most probable class, and its probability
an_joined_p_Ia ...  number   the probability of each class
an_joined_set, an_joined_set_size, an_joined_alpha   the prediction set; left out where none is calibrated
an_joined_from      text     the evidence that was weighed, "latitude|rise"
an_joined_without   text     the evidence that was not known, or "none"
an_joined_agrees    0 or 1   whether the class is that of the spectra alone
an_joined_model     text     what joined them

All of them are left out where nothing is known of the source, nothing joins, or the latest spectrum has not the whole
window.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from models.conformal.domains import HIGH, LOW, domain_of
from models.domain import FINE_CLASSES, Report
from models.domain.joined import Joined, Surrounding
from models.luminosity import mjd_of
from models.spectral.prepare import Extent
from plugin.cycle.posting import NONE, Body, Posting, rounded
from plugin.cycle.spectra.renew import REDSHIFT
from plugin.store import Filed

PREFIX: Final = "an_joined_"


def beside(latest: Filed, report: Report, needle: Report | None, posting: Posting) -> Body:
    """The keys of a source.

    Parameters
    ----------
    latest : Filed
        The latest spectrum's; its time is up to when a light curve counts.
    report : Report
        What all spectra say together.
    needle : Report or None
        NEEDLE's, which knows the source's alerts.
    """
    found = None if posting.joiner is None else _joined(latest, report, needle, posting)
    if found is None:
        return {}
    body: dict[str, str | float | int] = {
        "class": found.label,
        "p": rounded(found.probabilities[found.label]),
        **{f"p_{c.removeprefix('SN ')}": rounded(found.probabilities[c]) for c in FINE_CLASSES},
        "from": "|".join(found.used),
        "without": "|".join(found.missing) or NONE,
        "agrees": int(found.agrees),
        "model": found.model,
    }
    for alpha, classes in found.prediction_sets.items():
        if float(alpha) == posting.alpha:
            members = "|".join(c for c in FINE_CLASSES if c in classes) or NONE
            body |= {"set": members, "set_size": len(classes), "alpha": posting.alpha}
    return {f"{PREFIX}{key}": value for key, value in body.items()}


def in_words(body: Mapping[str, Any]) -> str | None:
    """A source's annotation as a sentence; None where nothing was joined."""
    told = {key.removeprefix(PREFIX): value for key, value in body.items() if key.startswith(PREFIX)}
    if "class" not in told:
        return None
    words = f"with its source ({str(told['from']).replace('|', ', ')}): {told['class']} {told['p']:.2f}"
    if "set" in told:
        words += f", set {str(told['set']).replace('|', ', ')} at {told['alpha']:g}"
    missing = str(told["without"])
    words += "" if missing == NONE else f"; not known: {missing.replace('|', ', ')}"
    return words if told["agrees"] else f"{words}; the spectrum alone says another class: look again"


def _joined(latest: Filed, report: Report, needle: Report | None, posting: Posting) -> Joined | None:
    around = _around(latest.report.surrounding, None if needle is None else needle.surrounding)
    basis, verdict = latest.report.basis, report.verdict
    if posting.joiner is None or around is None or basis is None or verdict is None:
        return None
    if report.bundle != posting.joiner.card["bundle"]:  # powers are for one bundle's probabilities
        return None
    domain = domain_of(basis.spacing_A, Extent(basis.coverage, basis.blue_end, basis.red_end))
    if domain not in (LOW, HIGH):  # powers and sets were fitted to spectra of the whole window
        return None
    known = latest.facts.get(REDSHIFT)
    return posting.joiner.join(
        verdict.probabilities,
        around,
        taken_mjd=mjd_of(latest.observed_at),
        redshift=float(known) if isinstance(known, int | float) else None,
        low=domain == LOW,
        label=verdict.label,
    )


def _around(own: Surrounding | None, alerts: Surrounding | None) -> Surrounding | None:
    """The one that knows the alerts, with what only the other has."""
    if own is None or alerts is None:
        return alerts or own
    curve = alerts if alerts.mjd else own
    place = own.latitude_deg if alerts.latitude_deg is None else alerts.latitude_deg
    return replace(alerts, latitude_deg=place, mjd=curve.mjd, mag=curve.mag, band=curve.band)
