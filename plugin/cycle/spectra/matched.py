"""What matching archive spectra say, as keys of an annotation. A key without a value is left out.

z, z_lo, z_hi       number   the redshift the spectrum shows, and its interval; left out where none can be believed
z_share             number   probability of the best peak; low is a guess, and then there is no z
z_2, z_2_share      number   the next best redshift, where something speaks for one
z_agrees            0 or 1   whether the known redshift lies in the interval
phase, phase_lo, phase_hi  number   rest-frame days from maximum, and the interval; SN Ia, Ibc and II
subtype, subtype_set  text   of the class: "Ia-91T", and the prediction set "Ia-norm|Ia-91T"
match_1             text     the best match: object, class or subtype, phase
match_score         number   how well it fits: 1 is a copy
abs_mag             number   absolute magnitude of the brightest detection, where redshift and light curve are known
abs_mag_at_spectrum  number  the same of the detection nearest to the spectrum, within five days of it
lum_class, lum_p    text, number  the most probable class with that luminosity as evidence, beside the answer
"""

from collections.abc import Mapping

from models.domain import Report
from models.domain.matching import Luminosity, PhaseEstimate, RedshiftEstimate, Subtype, WithLuminosity
from plugin.cycle.posting import NONE, Body, prediction_set, rounded


def matched(report: Report, alpha: float) -> Body:
    """The keys of one report; none where the bundle has no bank."""
    body: dict[str, str | float | int] = {}
    if report.redshift is not None:
        body |= _redshift(report.redshift)
    if report.phase is not None:
        body |= _phase(report.phase)
    if report.subtype is not None:
        body |= _subtype(report.subtype, alpha)
    if report.matches:
        body |= {"match_1": named(report.matches[0]), "match_score": rounded(_number(report.matches[0]["score"]))}
    if report.luminosity is not None:
        body["abs_mag"] = rounded(report.luminosity.magnitude)
        if report.luminosity.at_spectrum is not None:
            body["abs_mag_at_spectrum"] = rounded(report.luminosity.at_spectrum)
    if (also := report.with_luminosity) is not None:
        body |= {"lum_class": also.label, "lum_p": rounded(also.probabilities[also.label])}
    return body


def named(match: Mapping[str, object]) -> str:
    """One match in a few words: "SN2011fe, Ia-norm, +3 d"."""
    phase = match.get("phase_days")
    parts = [str(match["object"]), str(match.get("subtype") or match["class"])]
    return ", ".join(parts if phase is None else [*parts, f"{_number(phase):+.0f} d"])


def redshift_in_words(told: RedshiftEstimate) -> str:
    """Both redshifts where there are two, and whether the known one agrees."""
    words = f"z = {told.best:.4f}, share {told.share:.2f}"
    if told.value is None:
        words = f"no redshift to believe (best peak {words})"
    elif told.low is not None and told.high is not None:
        words += f", {told.low:.4f} to {told.high:.4f} at {1 - told.alpha:.0%}"
    if told.second is not None:
        words += f"; or z = {told.second:.4f}, share {told.second_share:.2f}"
    if told.known is not None:
        verdict = {True: ", which agrees", False: ", which does not agree", None: ""}[told.agrees]
        words += f"; known: {told.known:.4f} ({told.known_origin}){verdict}"
    return words


def in_words(report: Report) -> list[str]:
    """Lines for a terminal; none where the bundle has no bank."""
    found = [] if report.redshift is None else [f"by matching {redshift_in_words(report.redshift)}"]
    if report.phase is not None:
        p = report.phase
        found.append(f"phase {p.days:+.1f} d, {p.low:+.1f} to {p.high:+.1f} at {1 - p.alpha:.0%}")
    if report.subtype is not None:
        each = ", ".join(f"{name} {x:.2f}" for name, x in report.subtype.probabilities.items())
        found.append(f"subtype {report.subtype.label}: {each}")
    if report.luminosity is not None:
        found.append(brightness_in_words(report.luminosity))
    if report.with_luminosity is not None:
        found.append(with_luminosity_in_words(report.with_luminosity))
    if report.matches:
        found.append("matches " + "; ".join(f"{named(m)} ({m['score']})" for m in report.matches[:3]))
    return found


def brightness_in_words(told: Luminosity) -> str:
    """At its brightest and at the spectrum, with what the distance is from and what was corrected for."""
    at = "" if told.at_spectrum is None else f", M({told.at_spectrum_band}) = {told.at_spectrum:.2f} at the spectrum"
    return (
        f"M({told.band}) = {told.magnitude:.2f} at its brightest{at}; z = {told.redshift:.4f} "
        f"({told.redshift_origin}); corrected for: {told.correction}"
    )


def with_luminosity_in_words(told: WithLuminosity) -> str:
    """The class that spectrum and luminosity have together, and a remark where the spectrum alone has another."""
    words = f"with its luminosity (M = {told.magnitude:.2f}): {told.label} {told.probabilities[told.label]:.2f}"
    return words if told.agrees else f"{words}; the spectrum alone says another class: look again"


def _redshift(told: RedshiftEstimate) -> dict[str, str | float | int]:
    numbers = {"z": told.value, "z_lo": told.low, "z_hi": told.high, "z_share": told.share}
    numbers |= {"z_2": told.second, "z_2_share": told.second_share}
    body: dict[str, str | float | int] = {key: rounded(x) for key, x in numbers.items() if x is not None}
    return body if told.agrees is None else body | {"z_agrees": int(told.agrees)}


def _phase(told: PhaseEstimate) -> dict[str, str | float | int]:
    return {"phase": rounded(told.days), "phase_lo": rounded(told.low), "phase_hi": rounded(told.high)}


def _subtype(told: Subtype, alpha: float) -> dict[str, str | float | int]:
    kept = prediction_set(told.prediction_sets, alpha)
    return {"subtype": told.label, "subtype_set": "|".join(kept) or NONE}


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {value!r}")
    return float(value)
