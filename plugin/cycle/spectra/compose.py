"""Report -> posts: what is written where, and in which words. Pure: the same reports give the same bytes.

On each spectrum, origin `ASTRANet`, flat keys that sort well and never change their type:

    class, coarse       text     the most probable class and superclass
    p, p_Ia ... p_TDE   number   its probability, and that of each class
    p_lo_Ia, p_hi_Ia ... number  the same less and plus twice the networks' spread, between 0 and 1
    set                 text     the prediction set, "SN Ia|SN Ibc"; "none" when it is empty
    set_size, alpha     number   how many classes are in it, and its error rate
    strategy, set_method  text   only where the operator chose others: how the class was chosen, "aps"
    in_set_Ia ...       0 or 1   the same for filters, which know numbers only
    calibration         text     which calibration set; calibration_cell the part of it that is like the spectrum, and
                                 calibration_size how many spectra that is
    anomaly             number   0 to 1, higher is stranger, no probability; `anomalous` 0 or 1: the regime's answer
    p_marginal, p_mondrian  number   conformal p-values of the anomaly score: small is strange
    p_mondrian_cell     text     the calibration spectra behind it: "SN Ia, low resolution (115)"
    family              text     score families that fire by themselves, "distance|density", or "none"
    epistemic           number   nats the networks disagree by
    policy, resembles   text     COMMIT, ABSTAIN or ALERT; which failure mode an alert resembles, or "none"
    admcp_fires         0 or 1   whether the class is less sure than is usual at this anomaly score
    analog_1 ... 3      text     nearest archive spectra, "SN2011fe, SN Ia, +3 d"; analog_distance of the first
    z, phase, subtype, match_1 ...   see `plugin.cycle.spectra.matched`
    bundle, status      text     which model; "ok", or "refused" with a `reason`
    caveats             text     codes of what qualifies the answer, or "none"

On the source the same keys with the prefix `an_`, because SkyPortal's source filters fail as soon as anybody holds text
under a key that is asked for as a number. It repeats the answer of the source's most recently observed spectrum with a
class (of several at one time, the highest id), and adds `an_spectrum_id`, `an_observed_at` and `an_n_spectra`. Where
several spectra have a class and the bundle is calibrated by object, class, probabilities and set are those of all of
them together (`models.together`) that the same groups see, and the redshift is the surest one's:

    an_n_combined       number   how many spectra are combined
    an_unanimous        0 or 1   whether each of them by itself has the same class
    an_history          text     what each of them says, the latest last

Where NEEDLE has an answer about the source too, the two are joined:

    an_needle           text     NEEDLE's class: SN, SLSN-I or TDE
    an_joint            text     agree, disagree, or "outside": the spectrum's class is none that NEEDLE knows
    an_disagrees        0 or 1   the same for filters

Where what is known of the source joins the spectrum, `an_joined_...`: see `plugin.cycle.spectra.jointly`.

Where classifications are wanted, the source gets one of a machine's too, and loses it when the answer no longer is a
COMMIT with its class in the set and at least the operator's probability.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from iris_client.protocols import Place
from models.domain import FINE_CLASSES, Anomaly, CaveatCode, Confidence, Report, Status, Verdict
from plugin.cycle.posting import NONE, ORIGIN, Body, Post, Posting, audience, prediction_set, rounded
from plugin.cycle.spectra.jointly import beside
from plugin.cycle.spectra.matched import matched
from plugin.cycle.spectra.tags import tag_post
from plugin.cycle.spectra.together import history, joined
from plugin.store import Filed

PREFIX: Final = "an_"
ANALOGS: Final = 3
SPREADS: Final = 2.0
"""Standard deviations of the networks' answers on either side of a probability."""
PLAIN_STRATEGY, PLAIN_SETS = "within_seed", "lac"
"""The defaults, of which nothing is said."""
CARD: Final = "astranet-card"
"""What the names of vetting cards' files begin with."""


NEEDLE_OF: Final[Mapping[str, str]] = {"SN Ia": "SN", "SN Ibc": "SN", "SN II": "SN", "SLSN": "SLSN-I", "TDE": "TDE"}
"""The class of NEEDLE's that each of the spectrum's is; AGN and CV are none. Its SLSN are of type I, ours of any."""

# What is absent from every report of this version says nothing about the one spectrum.
_GENERAL = frozenset(
    {
        CaveatCode.NOT_AVAILABLE,
        CaveatCode.NO_LIGHT_CURVE,
        CaveatCode.NO_CUTOUTS,
        CaveatCode.NO_HOST,
        CaveatCode.NO_SPECTRUM,
    }
)


def on_spectrum(filed: Filed, posting: Posting) -> Post:
    """The annotation of one spectrum; nothing for a refusal, unless refusals are to be posted."""
    groups = audience(filed.group_ids, posting)
    silent = not groups or (filed.report.status is Status.REFUSED and not posting.refusals)
    body = None if silent else answer(filed.report, posting.alpha)
    return Post(place=Place(kind="spectrum", id=filed.subject.id), body=body, group_ids=groups)


def gone(spectrum_id: str) -> Post:
    """Nothing on a spectrum that is no longer there."""
    return Post(place=Place(kind="spectrum", id=spectrum_id), body=None, group_ids=())


def card_post(filed: Filed, picture: bytes, posting: Posting) -> Post:
    """The vetting card of an alert, as a comment on the spectrum; the marshal takes the same one twice for one."""
    confidence = filed.report.confidence
    text = f"{ORIGIN}: {confidence.policy if confidence else NONE}. {confidence.sentence if confidence else ''}".strip()
    body = {"text": text, "name": f"{CARD}.png", "png": base64.b64encode(picture).decode("ascii")}
    place = Place(kind="spectrum", id=filed.subject.id)
    return Post(place=place, kind="comment", body=body, group_ids=audience(filed.group_ids, posting))


def no_card(spectrum_id: str) -> Post:
    """No vetting card (any more): one that waits is not sent, one that was sent stays as what was said then."""
    return Post(place=Place(kind="spectrum", id=spectrum_id), kind="comment", body=None, group_ids=())


def wants_card(filed: Filed, posting: Posting) -> bool:
    """Whether a report calls for a vetting card: an alert that somebody of ours may see."""
    confidence = filed.report.confidence
    return confidence is not None and confidence.policy == "ALERT" and bool(audience(filed.group_ids, posting))


def on_source(target_id: str, of_target: Sequence[Filed], posting: Posting, needle: Report | None = None) -> list[Post]:
    """The summary of one source, and its classification; each without a body when nothing is to be said (any more)."""
    place = Place(kind="source", id=target_id)
    answered = [f for f in of_target if f.report.status is Status.OK and audience(f.group_ids, posting)]
    body: Body | None = None
    said: Body | None = None
    groups: tuple[int, ...] = ()
    best: Filed | None = None
    if answered:
        best = latest = max(answered, key=_recency)
        groups = audience(best.group_ids, posting)
        best, told = _together(
            best, [f for f in answered if set(groups) <= set(audience(f.group_ids, posting))], posting
        )
        body = {**summary(best, len(answered), posting.alpha), **told, **joint(best.report.verdict, needle)}
        body |= beside(latest, best.report, needle, posting)
        said = classified(best.report, posting)
    posts = [
        Post(place=place, body=body, group_ids=groups),
        Post(place=place, kind="classification", body=said, group_ids=groups),
    ]
    if posting.tags:
        posts.append(tag_post(target_id, None if best is None else best.report, groups))
    return posts


def _together(latest: Filed, seen: Sequence[Filed], posting: Posting) -> tuple[Filed, Body]:
    """The latest report joined with those of the other spectra that the same groups see, and what each of them said."""
    ordered = sorted(seen, key=_recency)
    if posting.together is None or len(ordered) < 2:
        return latest, {}
    report = joined(latest, [f for f in ordered if f is not latest], posting.together)
    return replace(latest, report=report), {f"{PREFIX}{key}": value for key, value in history(ordered).items()}


def classified(report: Report, posting: Posting) -> Body | None:
    """The machine classification that a report is worth: where they are wanted, of a COMMIT that is sure enough."""
    verdict, confidence = report.verdict, report.confidence
    if not posting.classification or verdict is None or confidence is None or confidence.policy != "COMMIT":
        return None
    sure = verdict.probability >= posting.least_probability
    if not sure or verdict.label not in prediction_set(confidence.prediction_sets, posting.alpha):
        return None
    return {"label": verdict.label, "probability": rounded(verdict.probability)}


def answer(report: Report, alpha: float) -> Body:
    """The keys of one report.

    Raises
    ------
    ValueError
        If the report holds no prediction set for `alpha`.
    """
    body: dict[str, str | float | int] = {"status": str(report.status), "bundle": report.bundle}
    if report.reason:
        body["reason"] = report.reason
    if report.verdict is not None:
        body |= _verdict(report.verdict)
    if report.confidence is not None:
        body |= _confidence(report.confidence, alpha)
    if report.anomaly is not None:
        body |= _anomaly(report.anomaly)
    body |= matched(report, alpha)
    codes = sorted({str(c.code) for c in report.caveats if c.code not in _GENERAL})
    return body | {"caveats": "|".join(codes) or NONE}


def summary(filed: Filed, n_spectra: int, alpha: float) -> Body:
    """The keys of a source: those of one spectrum, prefixed, and which spectrum it is."""
    keys = {**answer(filed.report, alpha), "spectrum_id": filed.subject.id, "n_spectra": n_spectra}
    return {f"{PREFIX}{key}": value for key, value in {**keys, "observed_at": filed.observed_at or NONE}.items()}


def joint(verdict: Verdict | None, needle: Report | None) -> Body:
    """How the spectrum's class and NEEDLE's go together; nothing when one of them is missing."""
    host = None if needle is None else needle.host_verdict
    if verdict is None or host is None:
        return {}
    expected = NEEDLE_OF.get(verdict.label)
    word = "outside" if expected is None else "agree" if expected == host.label else "disagree"
    return {
        f"{PREFIX}needle": host.label,
        f"{PREFIX}joint": word,
        f"{PREFIX}disagrees": int(word == "disagree"),
    }


def short(label: str) -> str:
    """The class as part of a key: "SN Ia" is `Ia`."""
    return label.removeprefix("SN ")


def _verdict(verdict: Verdict) -> dict[str, str | float | int]:
    coarse = max(verdict.coarse, key=lambda name: verdict.coarse[name])
    each = {f"p_{short(label)}": rounded(verdict.probabilities[label]) for label in FINE_CLASSES}
    for label, sigma in verdict.spread.items():
        p = verdict.probabilities[label]
        each[f"p_lo_{short(label)}"] = rounded(max(p - SPREADS * sigma, 0.0))
        each[f"p_hi_{short(label)}"] = rounded(min(p + SPREADS * sigma, 1.0))
    chosen = {} if verdict.strategy == PLAIN_STRATEGY else {"strategy": verdict.strategy}
    return {"class": verdict.label, "p": rounded(verdict.probability), "coarse": coarse, **chosen, **each}


def _confidence(confidence: Confidence, alpha: float) -> dict[str, str | float | int]:
    classes = prediction_set(confidence.prediction_sets, alpha)
    return {
        "set": "|".join(c for c in FINE_CLASSES if c in classes) or NONE,
        "set_size": len(classes),
        "alpha": alpha,
        **({} if confidence.method == PLAIN_SETS else {"set_method": confidence.method}),
        "calibration": confidence.calibration_id,
        "calibration_size": confidence.calibration_size,
        **({} if confidence.calibration_cell is None else {"calibration_cell": confidence.calibration_cell}),
        **{f"in_set_{short(label)}": int(label in classes) for label in FINE_CLASSES},
        **_layer(confidence),
    }


def _layer(confidence: Confidence) -> dict[str, str | float | int]:
    """What bundles with an anomaly layer add."""
    body: dict[str, str | float | int] = {}
    if "epistemic" in confidence.entropy:
        body["epistemic"] = rounded(confidence.entropy["epistemic"])
    if confidence.p_mondrian is not None and confidence.p_marginal is not None:
        body |= {"p_mondrian": rounded(confidence.p_mondrian), "p_marginal": rounded(confidence.p_marginal)}
    if confidence.p_mondrian_cell is not None:
        body["p_mondrian_cell"] = confidence.p_mondrian_cell
    if confidence.policy is not None:
        body |= {"policy": confidence.policy, "why": confidence.sentence or NONE}
    if confidence.cell is not None:
        body["admcp_fires"] = int(bool(confidence.cell["fires"]))
    return body


def _anomaly(anomaly: Anomaly) -> dict[str, str | float | int]:
    body: dict[str, str | float | int] = {
        "anomaly": rounded(anomaly.score),
        "anomalous": int(anomaly.flagged),
        "family": "|".join(anomaly.fired) or NONE,
        "resembles": anomaly.resembles or NONE,
    }
    for number, neighbour in enumerate(anomaly.neighbours[:ANALOGS], 1):
        body[f"analog_{number}"] = analog(neighbour)
    if anomaly.neighbours:
        body["analog_distance"] = rounded(_number(anomaly.neighbours[0]["distance"]))
    return body


def analog(neighbour: Mapping[str, object]) -> str:
    """One archive spectrum in a few words: "SN2011fe, SN Ia, +3 d"."""
    phase = neighbour.get("phase_days")
    parts = [str(neighbour["object"]), str(neighbour["class"])]
    return ", ".join(parts if phase is None else [*parts, f"{_number(phase):+.0f} d"])


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {value!r}")
    return float(value)


def _recency(filed: Filed) -> tuple[str, int, str]:
    number = int(filed.subject.id) if filed.subject.id.isdigit() else -1
    return filed.observed_at or "", number, filed.subject.id
