"""The figures of `astranet evaluate spectra` as one Markdown page, in the shape of the paper's tables."""

from typing import Any

from models.domain import FINE_CLASSES
from models.training.evaluate import HEADLINE
from models.training.spectral.compare import FIGURES
from plugin.lab.spectra.tables import interval, share, table

SUMMARIES = (
    ("Real spectra, no redshift, no phase", "real"),
    ("Real spectra, redshift given where known", "real_with_redshift"),
    ("Real spectra, redshift and phase given where known", "real_with_redshift_and_phase"),
    ("Real spectra brought to one window, resolution and noise (4100-8200 A, R 130, SNR 30)", "harmonised"),
    ("Semi-real spectra (not observations)", "semi_real"),
    ("Semi-real spectra at R 100 and a signal-to-noise of 10", "semi_real_sedm"),
)


def markdown(figures: dict[str, Any], bundle_id: str) -> str:
    """Every table, headline first."""
    parts = [f"# {bundle_id} on the {figures['split']} split", figures["conditions"] + "."]
    for title, key in SUMMARIES:
        if figures[key] is None:
            continue
        parts += [f"## {title}", _headline(figures[key]), _classes(figures[key]), _confusion(figures[key])]
    parts += ["## Prediction sets (LAC, Eq. 3), real spectra", _sets(figures["prediction_sets"])]
    parts += [
        "The same with redshift and phase given where known; calibrated without:",
        _sets(figures["prediction_sets_with_redshift_and_phase"]),
    ]
    parts += [
        "## Knowing when it is wrong (Table VII): AUROC of six signals",
        _named(figures["error_detection"], "AUROC"),
    ]
    parts += ["## Leaving out the doubtful (Table VIII)", _selective(figures["selective"])]
    parts += [
        "## Degraded to R 100 and a signal-to-noise per 25 A pixel",
        "Several draws of the noise together; the range of macro recall is that of single draws. Each object once: "
        "every object has the same weight, however many spectra it has.",
        _degraded(figures["sedm"]),
        "The same with the redshift given where known:",
        _degraded(figures["sedm_with_redshift"]),
    ]
    if figures["strategies"]:
        parts += ["## Ways to combine the members (Table XIX)", _strategies(figures["strategies"])]
    parts += ["## Six classes (Table XVI; SLSN counted as SN Ibc)", _six(figures["six_classes"])]
    parts += ["## Can the archive be told from the embedding?", _probe(figures["source_probe"])]
    parts += ["## Other classes with the instruments and archives of TDE and AGN", _alarms(figures["false_alarms"])]
    for title in ("source", "instrument", "snr", "phase"):
        parts += [f"## By {title}", _parts(figures[f"by_{title}"])]
    return "\n\n".join(parts) + "\n"


def comparison(found: dict[str, Any]) -> str:
    """Several bundles side by side: the figures of each, and below them how far it is from the first."""
    parts = [
        f"{found['spectra']} real spectra of {found['objects']} objects of the {found['split']} split, without CVs, no "
        "redshift, no phase. In brackets: 95 % interval of the difference from the first bundle, from the same draws "
        "of objects for all."
    ]
    for condition, bundles in found["conditions"].items():
        rows = []
        for name, row in bundles.items():
            rows.append([name, *(f"{v:.3f}" for v in row["value"].values())])
            if "difference" in row:
                rows.append(["", *(f"[{d['low']:+.3f}, {d['high']:+.3f}]" for d in row["difference"].values())])
        parts += [f"## {condition}", table(["bundle", *FIGURES], rows)]
    return "\n\n".join(parts) + "\n"


def _headline(s: dict[str, Any]) -> str:
    rows = [[k.replace("_", " "), interval(s[k]), interval(s["by_object"][k])] for k in HEADLINE]
    head = f"{s['spectra']} spectra of {s['objects']} objects; expected calibration error {s['ece']:.3f}.\n\n"
    return head + table(["figure", "value [95 %]", "each object once"], rows)


def _classes(s: dict[str, Any]) -> str:
    rows = []
    for c in FINE_CLASSES:
        mix = s["class_mix"][c]
        rows.append(
            [c, str(mix["spectra"]), str(mix["objects"]), interval(s["recall"][c]), interval(s["precision"][c])]
        )
    return table(["class", "spectra", "objects", "recall [95 %]", "precision [95 %]"], rows)


def _confusion(s: dict[str, Any]) -> str:
    rows = [[f"**{c}**", *map(str, row)] for c, row in zip(FINE_CLASSES, s["confusion"], strict=True)]
    return table(["true \\ predicted", *FINE_CLASSES], rows)


def _sets(sets: dict[str, dict[str, float]]) -> str:
    rows = [
        [a, f"{1 - float(a):g}", share(f, "coverage"), f"{f['size']:.2f}", f"{f['empty']:.3f}"] for a, f in sets.items()
    ]
    return table(["alpha", "nominal", "coverage [binomial 95 %]", "mean size", "empty"], rows)


def _named(values: dict[str, dict[str, float]], what: str) -> str:
    ordered = sorted(values.items(), key=lambda item: -item[1]["value"])
    return table(["signal", f"{what} [95 %]"], [[name, interval(v)] for name, v in ordered])


def _selective(rows: list[dict[str, float]]) -> str:
    body = [[f"{r['coverage']:.0%}", f"{r['accuracy']:.3f}", f"{100 * r['gain']:+.1f} pp"] for r in rows]
    return table(["kept", "accuracy", "gain"], body)


def _degraded(rows: list[dict[str, Any]]) -> str:
    body = [
        [
            f"{r['snr']:g}",
            *(interval(r[k]) for k in ("accuracy", "macro_recall")),
            f"{min(r['macro_recall_of_draws']):.3f} to {max(r['macro_recall_of_draws']):.3f}",
            interval(r["by_object"]["macro_recall"]),
            *_recalls(r),
        ]
        for r in rows
    ]
    head = ["SNR", "accuracy [95 %]", "macro recall [95 %]", "of single draws", "each object once", *FINE_CLASSES]
    return table(head, body)


def _strategies(rows: dict[str, dict[str, Any]]) -> str:
    body = [[n, interval(r["accuracy"]), interval(r["macro_recall"]), *_recalls(r)] for n, r in rows.items()]
    return table(["strategy", "accuracy [95 %]", "macro recall [95 %]", *FINE_CLASSES], body)


def _recalls(row: dict[str, Any]) -> list[str]:
    return ["-" if (r := row["recall"][c]) is None else f"{r['value']:.2f}" for c in FINE_CLASSES]


def _six(s: dict[str, Any]) -> str:
    rows = [[k.replace("_", " "), f"{s[k]:.3f}"] for k in HEADLINE]
    return table(["figure", "value"], rows + [[f"recall {c}", f"{r:.3f}"] for c, r in s["recall"].items()])


def _probe(rows: list[dict[str, Any]]) -> str:
    names = ("class", "archives", "spectra", "chance", "input", "embedding")
    return table(names, [[str(r[n]) for n in names] for r in rows])


def _alarms(found: dict[str, dict[str, Any]]) -> str:
    rows = [
        [c, what, str(r["others"]), str(r["taken_for_it"]), share(r, "rate")]
        for c, parts in found.items()
        for what, r in parts.items()
    ]
    return table(["class", "same", "spectra of other classes", "taken for it", "rate [binomial 95 %]"], rows)


def _parts(rows: list[dict[str, Any]]) -> str:
    body = [
        [r["part"] or "unknown", str(r["spectra"]), share(r, "accuracy"), f"{r['macro_recall']:.3f}", str(r["classes"])]
        for r in rows
    ]
    return table(["part", "spectra", "accuracy [binomial 95 %]", "macro recall", "over classes"], body)
