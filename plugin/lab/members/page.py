"""`members.md`: the figures of the members as text."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plugin.lab.members.neighbours import FOLDS, NEIGHBOURS
from plugin.lab.members.pictures import draw_kinds, draw_spread
from plugin.lab.spectra.domain_tables import TITLES
from plugin.lab.spectra.markdown import interval, table


def write_page(out: Path, bundle_id: str, figures: Mapping[str, Any]) -> Path:
    """Write the page, its figures as JSON and its pictures; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "members.json").write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n")
    draw_spread(figures, out / "members-spread.png")
    draw_kinds(figures, out / "members-kinds.png")
    path = out / "members.md"
    path.write_text(page(bundle_id, figures))
    return path


def page(bundle_id: str, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    domains = figures["domains"]
    sizes = "; ".join(
        f"{TITLES[name]}: {f['spectra']} of {f['objects']} objects ({_mix(f)}), {f['errors']} of them misclassified"
        for name, f in domains.items()
    )
    parts = [
        "# What the members agree on",
        f"Bundle `{bundle_id}`, members {', '.join(figures['members'])}, split `{figures['split']}`: real spectra of "
        f"objects that no network learned from, without redshift and phase. In brackets spectra/objects of each class. "
        f"{sizes}. Intervals are at 95 %, by drawing "
        "objects. Made by",
        f"    .venv/bin/astranet evaluate members --data FOLDER --out docs/results --split {figures['split']}",
        *_agreement(domains),
        *_spread(domains),
        *_neighbours(figures["neighbours"]),
        *_kinds(domains),
    ]
    return "\n\n".join(parts) + "\n"


def _mix(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{c} {n['spectra']}/{n['objects']}" for c, n in found["class_mix"].items() if n["spectra"])


def _agreement(domains: Mapping[str, Any]) -> list[str]:
    with_members = {name: f["agreement"] for name, f in domains.items() if f["agreement"]}
    if not with_members:
        return []
    first = next(iter(with_members.values()))
    rows = [
        [f"members {pair['members']}", *(interval(a["pairs"][i]["rho"]) for a in with_members.values())]
        for i, pair in enumerate(first["pairs"])
    ]
    rows.append(["mean of the pairs", *(interval(a["mean"]) for a in with_members.values())])
    rows += [
        [f"mean of the pairs, probability of {c} alone", *(interval(a["classes"][c]) for a in with_members.values())]
        for c in first["classes"]
    ]
    shares = [
        ["all members name the same class", *(interval(a["same_class"]) for a in with_members.values())],
        ["where one member errs, all err", *(interval(a["all_err"]) for a in with_members.values())],
    ]
    titles = [TITLES[name] for name in with_members]
    return [
        "## Correlation of the members",
        "Spearman's rank correlation of the members' class probabilities over all spectra and classes; below the mean, "
        "of one class's probability over spectra. The paper has 0.96 for six members of one architecture (App. G).",
        table(["Spearman's rho [95 %]", *titles], rows),
        table(["share of spectra [95 %]", *titles], shares),
    ]


def _spread(domains: Mapping[str, Any]) -> list[str]:
    blocks = [
        "## Spread on errors, by predicted class (Fig. 5)",
        "Mean standard deviation over the members of the predicted class's probability, where the prediction is wrong "
        "and where it is right. A small spread on errors means that the members agree on a wrong class.",
    ]
    for name, f in domains.items():
        rows = [
            [row["class"], *(cell for what in ("wrong", "right") for cell in _spread_cells(row[what]))]
            for row in f["spread"]
        ]
        head = ["predicted", "wrong: spectra/objects", "spread [95 %]", "right: spectra/objects", "spread [95 %]"]
        blocks += [f"**{TITLES[name]}**", table(head, rows)]
    return [*blocks, "![Spread of the members on errors, by predicted class](members-spread.png)"]


def _spread_cells(found: Mapping[str, Any]) -> tuple[str, str]:
    told = found["spread"]
    if told is None:
        return "0/0", "-"
    shown = interval(told) if "low" in told else f"{told['value']:.3f}, one object"
    return f"{found['spectra']}/{found['objects']}", shown


def _neighbours(found: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [row["among"], TITLES[row["of"]["domain"]], f"{row['of']['spectra']}/{row['of']['objects']}"]
        + [interval(row["of"][f"{what} {who}"]) for what in ("accuracy", "macro_recall") for who in _WHO]
        for row in found
    ]
    head = ["neighbours among", "spectra", "number/objects"]
    head += [f"{what}, {who}" for what in ("accuracy", "macro recall") for who in _WHO]
    return [
        "## Nearest neighbours against the head (App. H)",
        f"The class that most of the {NEIGHBOURS} nearest spectra by cosine distance of the embedding have, against "
        f"that of the networks' heads on the same spectra. {FOLDS} folds by object: a spectrum's own object is never "
        "among its neighbours. The networks have not learned from any of these spectra; only the neighbours of the "
        "last rows, the archive that the bundle brings, taught them. Both kinds of spectra may be neighbours of each. "
        "Nothing was chosen here. In the paper the two are alike (0.868 and 0.866).",
        table(head, rows),
    ]


_WHO = ("neighbours", "head", "difference")


def _kinds(domains: Mapping[str, Any]) -> list[str]:
    blocks = [
        "## Which kinds are lost, and to what",
        "What the sources call each spectrum, as one of the ten classes and six categories of Table XIV, which IRIS "
        "keeps for analysis, and as finer subtypes where a source names one. `taken for` counts spectra. The interval "
        "is binomial, with each object once. Uncertain, the sixth category, has rare classes alone.",
    ]
    for name, f in domains.items():
        for what, head in (("ten", "of ten classes"), ("six", "of six categories"), ("subtypes", "subtype")):
            rows = [
                [
                    row["kind"],
                    f"{row['spectra']}/{row['objects']}",
                    f"{row['recall']:.3f}",
                    interval(row["by_object"]),
                    ", ".join(f"{c} {n}" for c, n in _most(row["said"])),
                ]
                for row in f["kinds"][what]
            ]
            columns = [head, "spectra/objects", "recall", "recall, each object once [95 %]", "taken for"]
            blocks += [f"**{TITLES[name]}**", table(columns, rows)] if rows else []
    return [*blocks, "![What each of the ten classes is taken for](members-kinds.png)"]


def _most(said: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((c, n) for c, n in said.items() if n), key=lambda pair: -pair[1])
