"""The tables of one domain."""

from typing import Any

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.training.evaluate import HEADLINE
from plugin.lab.spectra.markdown import interval, share, table, yes_no

TITLES = {LOW: "The SED Machine's spectra", HIGH: "The archive's spectra"}
NAMES = {
    "accuracy": "accuracy",
    "macro_recall": "macro recall",
    "macro_recall_frequent": "macro recall, frequent classes",
    "macro_f1": "macro F1",
}
PARTS = {
    "by_snr": "signal-to-noise per pixel",
    "by_quality": "pysedm's quality of the exposure",
    "by_exposure": "exposure time",
    "by_phase": "phase",
    "by_instrument": "instrument",
    "by_source": "source",
}


def domain_page(name: str, f: dict[str, Any]) -> list[str]:
    """Parts of the page about one domain, headline first."""
    title, own = TITLES[name], f["calibrated_on"]
    parts = [f"## {title} ({name}): no redshift, no phase", headline(f["real"]), classes(f["real"])]
    parts += ["Confusion, in spectra:", confusion(f["real"])]
    if f["snid"] is not None:
        parts += [f"### {title}: SNID beside it", *_snid(f["snid"])]
    for key, what, known in (
        ("real_with_redshift", "redshift given where known", f"{f['redshift_known']} have one"),
        (
            "real_with_redshift_and_phase",
            "redshift and phase given where known",
            f"{f['redshift_known']} have a redshift, {f['phase_known']} a phase",
        ),
    ):
        parts += [f"### {title}: {what}", f"Of these spectra {known}.", headline(f[key]), classes(f[key])]
    parts += [
        f"### {title}: prediction sets (LAC, Eq. 3)",
        f"Calibrated on {own['spectra']} calibration spectra of {own['objects']} objects, {own['cell']}. The band "
        "holds 95 % of tests of sets that keep their promise, if spectra were independent: those of one object are "
        "not.",
        sets(f["prediction_sets"]),
        "For comparison, one calibration for all spectra of both kinds:",
        sets(f["prediction_sets_one_calibration"]),
        "With redshift and phase given where known, calibrated without:",
        sets(f["prediction_sets_with_redshift_and_phase"]),
    ]
    if f["policy"] is not None:
        parts += [f"### {title}: what is said of them", policy(f["policy"])]
    if f["error_detection"]:
        parts += [f"### {title}: knowing when it is wrong (Table VII)", _errors(f["error_detection"])]
    parts += [f"### {title}: leaving out the doubtful (Table VIII)", _selective(f["selective"])]
    parts += [f"### {title}: six classes (Table XVI; SLSN counted as SN Ibc)", _six(f["six_classes"])]
    for key, what in PARTS.items():
        if f.get(key):
            parts += [f"### {title}: by {what}", breakdown_table(f[key])]
    return parts


def headline(s: dict[str, Any]) -> str:
    """Counts, and the headline figures by spectrum and by object."""
    rows = [[NAMES[k], interval(s[k]), interval(s["by_object"][k])] for k in HEADLINE]
    error = f"; expected calibration error {s['ece']:.3f}" if "ece" in s else ""
    head = (
        f"{s['spectra']} spectra of {s['objects']} objects of {s['classes']} classes, {s['frequent_classes']} of them "
        f"frequent{error}.\n\n"
    )
    return head + table(["figure", "value [95 %]", "each object once"], rows)


def classes(s: dict[str, Any]) -> str:
    """Class mix, recall and precision of each class."""
    rows = []
    for c in FINE_CLASSES:
        mix, once = s["class_mix"][c], s["by_object"]["recall"][c]
        counts = [c, str(mix["spectra"]), str(mix["objects"])]
        rows.append([*counts, interval(s["recall"][c]), interval(once), interval(s["precision"][c])])
    return table(["class", "spectra", "objects", "recall [95 %]", "each object once", "precision [95 %]"], rows)


def confusion(s: dict[str, Any], *, columns: tuple[str, ...] = FINE_CLASSES) -> str:
    """Counts, rows true and columns predicted."""
    rows = [[f"**{c}**", *map(str, row)] for c, row in zip(FINE_CLASSES, s["confusion"], strict=True)]
    return table(["true \\ predicted", *columns], rows)


def sets(found: dict[str, dict[str, Any]]) -> str:
    """Coverage at every alpha, and whether it lies in its band."""
    rows = [
        [
            a,
            f"{1 - float(a):g}",
            share(f, "coverage"),
            f"{f['band_low']:.3f}-{f['band_high']:.3f}",
            yes_no(f["inside"]),
            f"{f['size']:.2f}",
            f"{f['empty']:.3f}",
        ]
        for a, f in found.items()
    ]
    head = ["alpha", "nominal", "coverage [binomial 95 %]", "95 % band", "inside", "mean size", "empty"]
    return table(head, rows)


def policy(found: dict[str, dict[str, Any]]) -> str:
    """How often each answer is given and how often the class is then right."""
    rows = [[k, str(v["spectra"]), f"{v['share']:.3f}", share(v, "accuracy")] for k, v in found.items()]
    return table(["answer", "spectra", "share", "class is right [95 %]"], rows)


def breakdown_table(rows: list[dict[str, Any]]) -> str:
    """Parts of the set, largest first."""
    body = [
        [
            r["part"] or "unknown",
            str(r["spectra"]),
            str(r["objects"]),
            share(r, "accuracy"),
            f"{r['accuracy_by_object']:.3f}",
            f"{r['macro_recall']:.3f}",
            str(r["classes"]),
        ]
        for r in rows
    ]
    head = [
        "part",
        "spectra",
        "objects",
        "accuracy [binomial 95 %]",
        "each object once",
        "macro recall",
        "over classes",
    ]
    return table(head, body)


def recalls(row: dict[str, Any]) -> list[str]:
    """Of each class, two digits."""
    return ["-" if (r := row["recall"][c]) is None else f"{r['value']:.2f}" for c in FINE_CLASSES]


def _snid(f: dict[str, Any]) -> list[str]:
    head = (
        f"SNID as the SED Machine's pipeline ran it, from the files' headers: {f['spectra']} spectra of {f['objects']} "
        f"objects that have its answer. No match, or one with a galaxy, a star or an impostor ({f['no_class']:.1%}), "
        "counts as wrong. All rows of one part are of the same spectra; parts are chosen by the quality SNID gives its "
        "own match."
    )
    rows = []
    for part in f["by_rlap"]:
        which = "all" if part["rlap"] == 0 else f"rlap >= {part['rlap']:g}"
        for name, r in part["answers"].items():
            rows.append(
                [
                    f"{which} ({part['spectra']} of {part['objects']})",
                    name,
                    interval(r["accuracy"]),
                    interval(r["macro_recall"]),
                    interval(r["by_object"]["accuracy"]),
                    interval(r["by_object"]["macro_recall"]),
                    *recalls(r),
                ]
            )
    columns = ["spectra (of objects)", "who", "accuracy [95 %]", "macro recall [95 %]", "accuracy, each object once"]
    columns += ["macro recall, each object once", *FINE_CLASSES]
    return [head, table(columns, rows), "SNID's confusion:", confusion(f, columns=(*FINE_CLASSES, "none of them"))]


def _errors(values: dict[str, dict[str, float]]) -> str:
    ordered = sorted(values.items(), key=lambda item: -item[1]["value"])
    return table(["signal", "AUROC [95 %]"], [[name, interval(v)] for name, v in ordered])


def _selective(rows: list[dict[str, float]]) -> str:
    body = [[f"{r['coverage']:.0%}", f"{r['accuracy']:.3f}", f"{100 * r['gain']:+.1f} pp"] for r in rows]
    return table(["kept", "accuracy", "gain"], body)


def _six(s: dict[str, Any]) -> str:
    rows = [[NAMES[k], f"{s[k]:.3f}"] for k in ("accuracy", "macro_recall", "macro_f1")]
    return table(["figure", "value"], rows + [[f"recall {c}", f"{r:.3f}"] for c, r in s["recall"].items()])
