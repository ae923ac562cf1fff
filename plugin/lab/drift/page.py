"""The figures of `astranet evaluate drift` as Markdown."""

from collections.abc import Mapping
from typing import Any

from models.drift.monitor import TESTS
from plugin.lab.spectra.markdown import table


def drift_page(f: Mapping[str, Any], bundle_id: str) -> str:
    """The page."""
    return (
        "\n\n".join([*_head(f, bundle_id), *_false_alarms(f), *_delays(f), *_recalibration(f["recalibration"])]) + "\n"
    )


def _head(f: Mapping[str, Any], bundle_id: str) -> list[str]:
    counts = [
        [name, str(row["spectra"]), str(row["objects"]), ", ".join(f"{c} {n}" for c, n in row["mix"].items()) or "-"]
        for name, row in f["data"].items()
    ]
    return [
        f"# Drift and recalibration: {bundle_id}",
        f"Made by `astranet evaluate drift --data FOLDER --out docs/results --runs {f['false_alarms']['runs']}`.",
        "Answers without redshift to real spectra that cover 80 % of the window and more. No network learned from an "
        "object of these; calibrate and test split are put together and dealt anew by object. A tenth of the spectra "
        "of each stream are refused; the class of a third of the answers becomes known. That the mix of classes is "
        "compared with a stream's own past, and that sets at every error rate are bet on, was settled after a first "
        "look at such figures; the limits of the guard were set before any.",
        table(["split", "spectra", "objects", "spectra of each class"], counts),
    ]


def _false_alarms(f: Mapping[str, Any]) -> list[str]:
    a = f["false_alarms"]
    return [
        "## Without drift",
        f"Calibration and test split together; half as many calibration spectra as there are objects are drawn from "
        f"them, and then the stream. {a['runs']} streams of {a['nights']} nights of {a['answers'] // a['nights']} "
        f"spectra: {a['with_alarm']} had an alarm, {a['with_alarm'] / a['runs']:.3f} [{a['low']:.3f}, {a['high']:.3f}] "
        f"where at most {a['rate']:g} are allowed; {a['alarms_a_night']:.2g} alarms a night.",
        table(["test", "streams with a false alarm"], [[name, str(a["tests"][name])] for name in TESTS]),
    ]


def _delays(f: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            r["change"],
            f"{r['early']} of {r['repeats']}",
            f"{r['detected']} of {r['repeats']}",
            _count(r["median"]),
            _count(r["latest"]),
            ", ".join(f"{name} {t['median']} ({t['detected']})" for name, t in _sorted(r["tests"])) or "-",
            f"{_count(r['truth_median'])} ({r['truth_detected']})",
        ]
        for r in f["delays"]
    ]
    return [
        "## After a change",
        "Half of the objects are calibrated on, a quarter answered before the change, each once; after it "
        f"{f['after']} spectra are drawn with replacement from the last quarter (without a change each once). Archive "
        "spectra with a third of the SED Machine's, unless it says so. Delays are in spectra, refused ones included, "
        f"from the change to the alarm; in brackets in how many of {f['delays'][0]['repeats']} streams. The last "
        "column is of the tests that rest on truth alone, which for two thirds of the answers stays unknown.",
        table(
            [
                "change",
                "alarm before it",
                "found",
                "median delay",
                "longest",
                "tests: median (streams)",
                "by truth alone",
            ],
            rows,
        ),
    ]


def _recalibration(r: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            f"{1 - a['alpha']:g}",
            f"{a['low']:.3f}-{a['high']:.3f}",
            f"{a['before']:.3f} +- {a['before_spread']:.3f} ({a['before_inside']})",
            f"{a['before_size']:.2f}",
            f"{a['after']:.3f} +- {a['after_spread']:.3f} ({a['after_inside']})",
            f"{a['wide_low']:.3f}-{a['wide_high']:.3f} ({a['after_inside_wide']})",
            f"{a['after_size']:.2f}",
        ]
        for a in r["alphas"]
    ]
    refused = [[name, f"{count} of {r['repeats']}"] for name, count in r["refused"].items()]
    failed = f" What the others failed: {', '.join(r['failed'])}." if r["failed"] else ""
    return [
        "## Calibrated on archive spectra, answering the SED Machine's",
        f"{r['spectra']} spectra of {r['objects']} objects of the SED Machine (calibrate and test split together; none "
        f"was learned from), dealt {r['repeats']} times by object: {r['labelled'][0]} to {r['labelled'][1]} are "
        "labelled and calibrated on, the others are what the figures are of. `before`: calibrated on the archive "
        "spectra of the calibrate split. In brackets how many of the deals lie in the band that holds 95 % of right "
        "tests of so many spectra; the second band allows for the chance of the calibration spectra too, and counts "
        "objects, whose spectra are not independent.",
        table(["promised", "band", "before", "set size", "after", "band with calibration's chance", "set size"], rows),
        f"The guard let {r['adopted']} of {r['repeats']} pass.{failed}",
        "Labels that changed places among themselves, and how often they were refused:",
        table(["labels", "refused"], refused),
    ]


def _sorted(tests: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(tests.items(), key=lambda item: (-item[1]["detected"], item[1]["median"]))


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)
