"""`redshift.md`: the figures of matching, in words an astronomer reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.bundle import Bundle
from models.domain import FINE_CLASSES
from plugin.lab.spectra.markdown import interval, table, yes_no


def write_page(out: Path, bundle: Bundle, figures: Mapping[str, Any]) -> Path:
    """Write the page and its figures as JSON; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "redshift.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    path = out / "redshift.md"
    path.write_text(page(bundle, figures))
    return path


def page(bundle: Bundle, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    bank: Any = bundle.card.get("matching", {})
    parts = [
        "# Redshift, phase and subtype",
        f"Bundle `{bundle.bundle_id}`, split `{figures['split']}`: real spectra of objects that neither taught the "
        f"networks nor stand in the bank ({bank.get('spectra')} spectra of {bank.get('objects')} training objects). "
        "The spectra are asked about as the service does, without redshift, phase or name; the classes whose archive "
        "spectra are matched are those the networks leave in question, never the true one. Made by",
        "    .venv/bin/astranet evaluate redshift --data FOLDER --out docs/results",
        f"One answer, networks and all, took {figures['milliseconds']:.0f} ms of processor time in batches for "
        "this page. "
        "Intervals are at 95 %, by drawing objects. Where intervals and sets of matching are counted, an object counts "
        "once, and bands hold 95 % of right tests with the calibration's own chance in them; the networks' sets with "
        "the redshift told are calibrated and counted by spectra, with a binomial band as if these were independent.",
    ]
    for name, told in figures["domains"].items():
        parts += [f"## {name.capitalize()}", *_domain(told)]
    return "\n\n".join(parts) + "\n"


def _domain(told: Mapping[str, Any]) -> list[str]:
    redshift = told["redshift"]
    rates, given = redshift["best"], redshift["given"]
    rows = [
        [name, str(rates["spectra"][name]), interval(rates["classes"][name]), interval(given["classes"].get(name))]
        for name in FINE_CLASSES
        if name in rates["classes"]
    ]
    rows.append(["**mean over classes**", "", interval(rates["mean"]), interval(given["mean"])])
    rows.append(["mean without CV", "", interval(redshift["extragalactic"]), interval(redshift["extragalactic_given"])])
    rows.append(["all spectra", str(redshift["spectra"]), interval(rates["all"]), interval(given["all"])])
    return [
        f"{told['spectra']} spectra of {told['objects']} objects; {redshift['spectra']} of them have a redshift.",
        "**Redshift within 0.01.** A CV has redshift zero, and is given it where the networks call it one. The last "
        "column counts a redshift that was withheld as wrong.",
        table(["class", "spectra", "best peak", "given and right"], rows),
        _given(redshift),
        *_snid(told),
        *_intervals(redshift["intervals"], told["halves"]),
        *_phase(told["phase"]),
        *_subtype(told["subtype"]),
        *_networks(told["networks"]),
        *_together(told["together"]),
    ]


def _snid(told: Mapping[str, Any]) -> list[str]:
    if "snid" not in told:
        return []
    rates = told["snid"]
    return [
        f"SNID, as the SED Machine's pipeline ran it, on {sum(rates['spectra'].values())} of these spectra, none of "
        f"a CV: {interval(rates['mean'])} (mean over classes), {interval(rates['all'])} (all)."
    ]


def _given(redshift: Mapping[str, Any]) -> str:
    return (
        f"A redshift is given for {redshift['share_given']:.3f} of the spectra, and it is right for "
        f"{_number(redshift['right_where_given'])} of these; of the others the best peak, which is told but not given "
        f"as a redshift, is right for {_number(redshift['right_where_not'])}. Of {redshift['wrong']} that are given "
        f"and wrong, {redshift['wrong_with_second']} have a second redshift beside them, which is the right one for "
        f"{redshift['wrong_second_right']}."
    )


def _intervals(rows: Sequence[Mapping[str, Any]], halves: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ["promised", "covered, by object", "binomial band", "inside", "band with the calibration's chance", "inside"]
    found = [row for row in rows if row["spectra"]]
    if not found:
        return []
    each = [
        [
            f"{1 - row['alpha']:g}",
            f"{row['coverage']:.3f}",
            band(row["binomial"]),
            yes_no(row["inside_binomial"]),
            band(row["band"]),
            yes_no(row["inside"]),
            f"{row['by_spectra']:.3f}",
            f"{row['median_half']:.4f}",
        ]
        for row in found
    ]
    told = [
        "**Interval of the redshift.** Spectra of one object err together, so an object counts once, by the share of "
        f"its spectra that are covered: {found[0]['objects']} objects here, and the intervals were calibrated on "
        f"{found[0]['calibrated']}. The binomial band holds 95 % of tests of an interval that covers exactly as "
        "promised. No interval does: its width was found on as few objects, and the second band, beta-binomial, holds "
        "95 % of tests of what was calibrated rightly.",
        table([*head, "by spectra", "median half width"], each),
    ]
    if halves:
        told += [
            f"The same procedure over {halves[0]['splits']} random halves of the objects of `select` and `calibrate`, "
            "calibrated on one half and asked on the other:",
            table(
                ["promised", "mean, by object", "deviation", "by spectra", "in the binomial band", "in the other"],
                [
                    [
                        f"{1 - row['alpha']:g}",
                        *(f"{row[k]:.3f}" for k in ("coverage", "deviation", "by_spectra")),
                        *(f"{row[k]:.0%}" for k in ("inside_binomial", "inside")),
                    ]
                    for row in halves
                ],
            ),
        ]
    return told


def band(ends: Sequence[float]) -> str:
    """Both ends of a band."""
    return f"{ends[0]:.3f} to {ends[1]:.3f}"


def _phase(phases: Mapping[str, Any]) -> list[str]:
    if not phases:
        return []
    rows = [
        [
            name,
            str(row["spectra"]),
            f"{row['median_error']:.1f}",
            f"{row['constant']:.1f}",
            f"{row['median_half']:.1f}",
            f"{row['coverage']:.3f} ({band(row['band'])})",
            yes_no(row["inside"]),
        ]
        for name, row in phases.items()
    ]
    head = [
        "class",
        "spectra",
        "median error",
        "of a constant",
        "median half width",
        "covered (band) of 0.95",
        "inside",
    ]
    return ["**Phase**, rest-frame days from maximum, given the right class.", table(head, rows)]


def _subtype(subtypes: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, row in subtypes.items():
        each = ", ".join(f"{n} {v['recall']:.2f} ({v['spectra']}/{v['objects']})" for n, v in row["recall"].items())
        sets = row["sets"]
        covered = f"{sets['coverage']:.3f} ({band(sets['band'])})"
        rows.append(
            [
                name,
                str(row["spectra"]),
                f"**{row['mean']:.2f}**",
                each,
                f"{row['accuracy']:.2f}",
                covered,
                f"{sets['size']:.2f}",
            ]
        )
    head = [
        "class",
        "spectra",
        "mean recall",
        "recall (spectra/objects)",
        "accuracy",
        "sets cover (band) of 0.95",
        "size",
    ]
    return ["**Subtype**, given the right class.", table(head, rows)] if rows else []


def _networks(networks: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            label,
            str(figures[k]["spectra"]),
            told,
            interval(figures[k]["accuracy"]),
            interval(figures[k]["macro_recall"]),
        ]
        for label, figures in (("all classes", networks["all"]), ("without CVs", networks["extragalactic"]))
        for k, told in (("without", "no"), ("with", "yes"))
    ]
    sets = [
        [
            f"{1 - float(alpha):g}",
            f"{row['coverage']:.3f}",
            f"{row['band_low']:.3f} to {row['band_high']:.3f}",
            yes_no(bool(row["inside"])),
            f"{row['size']:.2f}",
        ]
        for alpha, row in networks["sets_with"].items()
    ]
    return [
        "**The networks told the catalogue's redshift.** Where a marshal knows none for a CV, as is usual, the rows "
        "without CVs are those that count: a redshift of zero gives a CV away.",
        table(["spectra", "how many", "redshift told", "accuracy", "macro recall"], rows),
        "Their prediction sets, calibrated with the redshift told:",
        table(["promised", "covered", "binomial band", "inside", "size"], sets),
    ]


def _together(told: Mapping[str, Any]) -> list[str]:
    if not told:
        return []
    rows = [
        [name, interval(told[key]["accuracy"]), interval(told[key]["macro_recall"])]
        for name, key in (("each spectrum alone, mean", "single"), ("all of them as one answer", "combined"))
    ]
    covered = "; ".join(
        f"{1 - row['alpha']:g}: {row['coverage']:.3f} (band {band(row['band'])})" for row in told["sets"]
    )
    return [
        f"**All spectra of an object**, {told['objects']} objects with {told['spectra']} spectra, each object once.",
        table(["answer", "accuracy", "macro recall"], rows),
        f"Their sets, calibrated by object, cover {covered}.",
    ]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
