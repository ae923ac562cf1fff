"""The demo's page: one file, nothing from outside, most interesting first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from models.domain import FINE_CLASSES, CaveatCode
from plugin.notes.draft import Draft
from plugin.notes.render import css as note_css
from plugin.notes.render import to_html_part
from plugin.ops.templates import html_templates
from plugin.sandbox.demo import svg
from plugin.sandbox.demo.look import Look, in_order
from plugin.sandbox.demo.needle import ObjectLook
from plugin.web.look import SHARED, look_css, percent, slug
from plugin.web.look.answer import Interest

_TEMPLATES = Path(__file__).parent / "templates"

_SECTIONS = (
    ("first", "Look at these first", (Interest.ODD, Interest.FITS_NOTHING, Interest.RARE, Interest.MAYBE_RARE)),
    ("classified", "Classified", (Interest.CLASSIFIED,)),
    ("undecided", "Undecided", (Interest.UNDECIDED,)),
    ("refused", "Not classified, and why", (Interest.REFUSED,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the two cycles did.

    Parameters
    ----------
    sent : tuple of (str, int)
        What the first cycle wrote, by kind of request.
    sent_again : int
        Writing requests of the second cycle; must be 0.
    seconds : float
        Wall time of the first cycle, all of it: reading, classifying, posting.
    """

    sent: tuple[tuple[str, int], ...]
    sent_again: int
    seconds: float
    bundle: str
    seed: int

    @property
    def total(self) -> int:
        """Writing requests of the first cycle."""
        return sum(n for _, n in self.sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One annotation as it stands in the marshal."""

    place: str
    rows: tuple[tuple[str, str], ...]


def render(
    looks: Sequence[Look],
    account: Account,
    drafts: Sequence[Draft],
    example: Example | None,
    objects: Sequence[ObjectLook] = (),
) -> str:
    """The page as HTML. Everything that came from data is escaped."""
    environment = html_templates(_TEMPLATES, SHARED)
    environment.globals.update(slug=slug, percent=percent)
    ordered = in_order(list(looks))
    return environment.get_template("demo.html").render(
        sections=[(key, name, [k for k in ordered if k.interest in kinds]) for key, name, kinds in _SECTIONS],
        looks=ordered,
        tally=tally(ordered),
        objects=objects,
        objects_tally=tally_objects(objects),
        account=account,
        notes=[(draft.kind, to_html_part(draft)) for draft in drafts],
        example=example,
        absent=sorted({c.text for k in ordered for c in k.report.caveats if c.code is CaveatCode.NOT_AVAILABLE}),
        in_order_of=lambda p: {label: p[label] for label in FINE_CLASSES},
        picture=svg.draw,
        css=Markup(look_css() + (_TEMPLATES / "demo.css").read_text(encoding="utf-8")),  # noqa: S704 - our own files
        note_css=note_css(),
    )


def tally(looks: Sequence[Look]) -> dict[str, int]:
    """Counts for the head of the page and the table's foot."""
    agreement = Counter(look.agreement for look in looks)
    inside = sum(look.truth in look.members for look in looks)
    judged = agreement["agrees"] + agreement["in set"] + agreement["missed"]
    first = sum(look.interest <= Interest.MAYBE_RARE for look in looks)
    return {
        "spectra": len(looks),
        "objects": len({look.target.target_id for look in looks}),
        "first": first,
        "refused": sum(look.interest is Interest.REFUSED for look in looks),
        "judged": judged,
        "agrees": agreement["agrees"],
        "inside": inside,
        "odd": sum(look.truth is not None and look.truth not in FINE_CLASSES for look in looks),
    }


def tally_objects(objects: Sequence[ObjectLook]) -> dict[str, int]:
    """Counts for the head of NEEDLE's part."""
    judged = [o for o in objects if o.label is not None and o.truth is not None]
    return {
        "objects": len(objects),
        "answered": sum(o.label is not None for o in objects),
        "judged": len(judged),
        "agrees": sum(o.label == o.truth for o in judged),
        "inside": sum(o.truth in o.members for o in judged),
        "without_spectrum": sum(o.said is None and o.label is not None for o in objects),
    }
