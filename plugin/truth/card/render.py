"""The card as a page, as Markdown and as JSON. The same card gives the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.domain import FINE_CLASSES
from plugin.ops.templates import html_templates
from plugin.store.truth.answered import Undecided
from plugin.truth.card import svg
from plugin.truth.card.files import JSON_NAME
from plugin.truth.card.share import LEAST
from plugin.truth.words import WHY_NOT
from plugin.web.look import look_css, slug

TITLES: Final[Mapping[str, str]] = {
    "class": "class, as people say",
    "said": "class, as we say",
    "policy": "policy",
    "domain": "domain of the calibration",
    "instrument": "instrument",
    "snr": "signal to noise per pixel",
    "month": "month of the answer",
    "bundle": "bundle",
}
WHEN: Final[Mapping[str, str]] = {
    "before": "Labels given before our answer could be read",
    "after": "Labels given after our answer could be read",
}
_TEMPLATES: Final = Path(__file__).parent / "templates"


def files(card: Mapping[str, Any]) -> dict[str, str]:
    """The text of each file by its name."""
    return {
        JSON_NAME: json.dumps(card, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n",
        "report-card.md": to_markdown(card),
        "index.html": to_html(card),
    }


def to_html(card: Mapping[str, Any]) -> str:
    """A page of its own: no script, nothing from elsewhere, light and dark."""
    environment = html_templates(_TEMPLATES)
    environment.globals.update(_words(), svg=svg, slug=slug)
    css = look_css() + (_TEMPLATES / "card.css").read_text(encoding="utf-8")
    return environment.get_template("card.html").render(card=card, css=svg.trusted(css))


def to_markdown(card: Mapping[str, Any]) -> str:
    """For a mail, a wiki or a terminal."""
    environment = html_templates(_TEMPLATES, keep_trailing_newline=True)
    environment.globals.update(_words())
    return environment.get_template("card.md").render(card=card)


def percent(value: float | None) -> str:
    """A share in percent, with one digit; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def between(found: Mapping[str, Any]) -> str:
    """A share with its interval, or that there are too few objects."""
    if found["value"] is None:
        return "too few" if found["objects"] else "none"
    return f"{percent(found['value'])} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


def verdict(found: Mapping[str, Any]) -> str:
    """Whether a promise is kept, in a word."""
    return {True: "kept", False: "not kept", None: "too few"}[found["kept"]]


def count(found: Mapping[str, Any]) -> str:
    """How many objects are behind a figure, and where they are more, how many spectra."""
    objects, spectra = found["objects"], found["spectra"]
    return f"{objects}" if objects == spectra else f"{objects} ({spectra})"


def of_objects(found: Mapping[str, Any]) -> str:
    """The same in a sentence."""
    objects, spectra = found["objects"], found["spectra"]
    words = "1 object" if objects == 1 else f"{objects} objects"
    return words if objects == spectra else f"{words} ({spectra} spectra)"


def why(reason: Undecided) -> str:
    """Why objects have no truth."""
    return WHY_NOT[reason]


def plain(name: str) -> str:
    """A name from elsewhere in a cell of a Markdown table, where it is nothing but a name."""
    return " ".join(name.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def cell(number: float) -> str:
    """Objects in a cell of the confusion matrix: those of several spectra may be divided."""
    return "" if number == 0 else f"{number:.1f}".removesuffix(".0")


def _words() -> dict[str, Any]:
    named = {
        "percent": percent,
        "between": between,
        "verdict": verdict,
        "count": count,
        "of_objects": of_objects,
        "why": why,
        "cell": cell,
        "plain": plain,
    }
    return {**named, "titles": TITLES, "when": WHEN, "classes": FINE_CLASSES, "least": LEAST}
