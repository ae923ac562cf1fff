"""The worked examples of the documentation: simulated spectra, what the service posts about them, and their cards."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from PIL import Image

from iris_client.quality.control import examine
from plugin.app import build
from plugin.cycle.spectra.producer import Analyst
from plugin.notes.files import replace_file
from plugin.ops.templates import html_templates
from plugin.parts import make_analyst, make_card
from plugin.sandbox import Sandbox
from plugin.sandbox.demo.look import Look
from plugin.sandbox.demo.run import live_settings, look_at

PAGE: Final = "worked-examples.md"
PICTURES: Final = "pictures"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_SHOWN: Final = (
    ("commit", "COMMIT: one class is left, and the network is sure", ("COMMIT", "agrees")),
    ("wrong", "COMMIT, and wrong all the same", ("COMMIT", "missed")),
    ("abstain", "ABSTAIN: undecided", ("ABSTAIN", None)),
    ("alert", "ALERT: look at it yourself", ("ALERT", None)),
)
"""Name of the picture, heading, and policy with how the answer compares to what was simulated."""


def write_examples(out: Path, *, n_sources: int = 120, seed: int = 0) -> Path:
    """Let the real service answer simulated spectra, and write one page about the first of each kind.

    Parameters
    ----------
    out : Path
        Folder for `worked-examples.md`, with the pictures in `pictures` beside it.
    n_sources, seed : int
        How many simulated sources, and which: with the same bundle the same page.

    Returns
    -------
    Path
        The page.
    """
    (out / PICTURES).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Sandbox.simulated(n_sources=n_sources, seed=seed) as sandbox:
        settings = live_settings(sandbox, Path(scratch), alert_source="none")
        analyst = make_analyst(settings)
        with build(settings, analyst=analyst) as app:
            app.once()
            looks = look_at(app, sandbox)
            posted = {a["place"]: a["data"] for a in sandbox.annotations() if a["kind"] == "spectrum"}
            shown = [
                {
                    "name": name,
                    "title": title,
                    "look": look,
                    "posted": _rows(posted[str(look.report.spectrum_id)]),
                    "picture": _drawn(analyst, app.marshal, look, out / PICTURES / f"{name}.png"),
                }
                for name, title, (policy, agreement) in _SHOWN
                if (look := _first(looks, policy, agreement)) is not None
            ]
    template = html_templates(_TEMPLATES).get_template("examples.md")
    refused = [look for look in looks if look.report.reason is not None]
    replace_file(out / PAGE, template.render(shown=shown, refused=refused, bundle=analyst.bundle_id))
    return out / PAGE


def _first(looks: list[Look], policy: str, agreement: str | None) -> Look | None:
    for look in looks:
        confidence = look.report.confidence
        if confidence is not None and confidence.policy == policy and agreement in (None, look.agreement):
            return look
    return None


def _rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, f"{value}".replace("|", "\\|")) for key, value in data.items()]


def _drawn(analyst: Analyst, marshal: Any, look: Look, path: Path) -> str:
    examined = examine(marshal.spectrum(str(look.report.spectrum_id)))
    if examined.spectrum is None:  # it was answered, so quality control took it
        raise ValueError(f"spectrum {look.report.spectrum_id}: {examined.reason}")
    card = Image.open(io.BytesIO(make_card(analyst)(look.report, examined.spectrum)))
    # Sixty-four colours are enough for lines and bars, and a third of the size for a repository to keep.
    card.convert("RGB").quantize(64).save(path, optimize=True)
    return f"{PICTURES}/{path.name}"
