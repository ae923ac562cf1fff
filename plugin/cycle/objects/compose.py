"""NEEDLE's answer -> the post on the source. Pure: the same answer gives the same bytes.

On the source, origin `NEEDLE`, flat keys that sort well and never change their type:

    class               text     the most probable of SN, SLSN-I, TDE
    sn, slsn, tde       number   the probability of each, a score on the scale that `model` was tuned to
    p_mondrian          number   conformal p-value of `class` among held-out objects of that class: small is strange
    set                 text     the prediction set, "SN|TDE"; "none" when it is empty
    set_size, alpha     number   how many classes are in it, and its error rate
    n_g, n_r            number   how many detections were used
    phase               number   days since the brightest detection, observer's frame
    host_sep            number   arcsec to the host that the model was told of; absent without one
    host_from           text     who says so: "Sherlock, NED", the name of the marshal's galaxy, the alert's source
    host_z, host_z_kind number, text
                        the galaxy's own redshift, "spectroscopic", "photometric" or "kind not told"; absent without one
    host_dlr            number   its offset in units of the galaxy's radius in that direction, where its shape is known
    galaxy_sep, galaxy_chance
                        number   of three sources around it the galaxy that is least probably there by chance, and with
                                 what probability; absent where all may be. The model is not told of it
    star_sep, star_score
                        number   a star at its place: arcsec to it, and 0 (galaxy) to 1 (star); absent without one
    quality             number   the lower P(good) of the two images; absent when there are no usable ones
    restored            0 or 1   whether an image had to be repaired from the other
    image_class         text     with ASTRANET_NEEDLE_MODEL=both: the most probable class by the network on images
    image_sn, image_slsn, image_tde
                        number   its scores; absent where it cannot answer
    image_model         text     which network
    model, status       text     which model; "ok", or "refused" with a `reason`
    caveats             text     codes of what qualifies the answer, or "none"
"""

from collections.abc import Mapping, Sequence
from typing import Final

from iris_client.protocols import Place
from models.domain import NEEDLE_CLASSES, HostVerdict
from plugin.cycle.posting import NONE, Body, Post, Posting, audience, prediction_set, rounded
from plugin.store import NEEDLE, Filed

ORIGIN: Final = NEEDLE
KEYS: Final = {"SN": "sn", "SLSN-I": "slsn", "TDE": "tde"}


def on_object(filed: Filed, posting: Posting) -> Post:
    """The annotation of one object; nothing for a refusal, unless refusals are to be posted."""
    groups = audience(filed.group_ids, posting)
    silent = not groups or (filed.report.host_verdict is None and not posting.refusals)
    return _post(filed.target_id, None if silent else answer(filed, posting.alpha), groups)


def gone(target_id: str) -> Post:
    """Nothing on an object that is no longer there."""
    return _post(target_id, None, ())


def answer(filed: Filed, alpha: float) -> Body:
    """The keys of one report.

    Raises
    ------
    ValueError
        If the report holds no prediction set for `alpha`.
    """
    report = filed.report
    body: dict[str, str | float | int] = {"status": str(report.status), "model": report.bundle, **filed.facts}
    if report.reason:
        body["reason"] = report.reason
    if report.host_verdict is not None:
        body |= _verdict(report.host_verdict, alpha)
    return body | {"caveats": "|".join(sorted({str(c.code) for c in report.caveats})) or NONE}


def around(facts: Mapping[str, object]) -> list[str]:
    """What is known of the host, and of what else lies there, in words."""
    found = []
    if facts.get("host_sep") is not None or facts.get("host_z") is not None:
        place = [f'{facts["host_sep"]}"'] if "host_sep" in facts else []
        place += [f"{facts['host_dlr']} of its radii away"] if "host_dlr" in facts else []
        redshift = f"z {facts['host_z']}, {facts.get('host_z_kind', 'kind not told')}" if "host_z" in facts else ""
        told = ", ".join(str(part) for part in (facts.get("host_from"), redshift) if part)
        found.append(f"host at {', '.join(place) or 'a distance not told'}" + (f" ({told})" if told else ""))
    if "galaxy_sep" in facts:
        chance = f"{facts['galaxy_chance']} by chance"
        found.append(f'most probable galaxy of three sources nearby at {facts["galaxy_sep"]}" ({chance})')
    if "star_sep" in facts:
        found.append(f'star at {facts["star_sep"]}" (score {facts["star_score"]})')
    return found


def _verdict(verdict: HostVerdict, alpha: float) -> dict[str, str | float | int]:
    classes: Sequence[str] = prediction_set(verdict.prediction_sets, alpha)
    body: dict[str, str | float | int] = {
        "class": verdict.label,
        **{KEYS[name]: rounded(verdict.probabilities[name]) for name in NEEDLE_CLASSES},
        "set": "|".join(name for name in NEEDLE_CLASSES if name in classes) or NONE,
        "set_size": len(classes),
        "alpha": alpha,
    }
    return body if verdict.p_mondrian is None else body | {"p_mondrian": rounded(verdict.p_mondrian)}


def _post(target_id: str, body: Body | None, groups: tuple[int, ...]) -> Post:
    return Post(place=Place(kind="source", id=target_id), origin=ORIGIN, body=body, group_ids=groups)
