"""Whether a draft may be submitted as it stands: the rules of an AstroNote, each broken one as a plain sentence.

It reads nothing but the draft, so it also holds for texts that a person has edited.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Final

from models.domain import FINE_CLASSES
from plugin.notes.draft import ABSTRACT_LIMIT, Draft
from plugin.notes.wording import APPROVER

TYPES: Final = ("Object/s-Discovery/Classification", "Object/s-Data/Analysis", "Announcement-General")
"""The types of notes that the TNS is known to have."""
OUR_WORDS: Final = ("ABSTAIN", "AD-MCP", "ALERT", "COMMIT", "LAC")
UNEXPLAINED: Final = (
    "alpha =", "bundle", "conformal", "entropy", "epistemic", "logit", "Mondrian", "prediction set", "p-value",
    "quantile", "softmax",
)  # fmt: skip
"""Words of this program (as they are written) and of statistics that readers of the TNS need not know: a note says what
they mean instead."""
COUNTED: Final = frozenset({*FINE_CLASSES, "SLSN-I", "anomaly"})
_THRESHOLD: Final = re.compile(r"(?i)(at least|threshold|above|exceed\w*|reach\w*)[^.;]{0,80}?\d|\d\S* or more")
_UT: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2} UT")
_COUNTED: Final = r"(?<![\w.])(\d+) {} candidates?\b"
_BARE: Final = r"(?<![\w.])\d+ {}(?! candidates?\b)(?=[\s.,;:)]|$)"


def check(draft: Draft, *, approved: bool = False) -> list[str]:
    """Say what is wrong with a draft; nothing where it keeps every rule.

    Parameters
    ----------
    approved : bool
        Whether somebody has approved it: then a name stands in place of every mark, before it the mark must be there.

    Returns
    -------
    list of str
        One sentence for each broken rule.
    """
    return list(chain(_form(draft), _authors(draft, approved), _counts(draft), _stated(draft), _rows(draft)))


def _form(draft: Draft) -> Iterator[str]:
    if draft.type not in TYPES:
        yield f"The TNS has no type of note called {draft.type!r}."
    if not draft.title.strip():
        yield "The note has no title."
    if not draft.keywords:
        yield "The note has no keyword."
    if not draft.abstract.strip():
        yield "The note has no abstract."
    if len(draft.abstract) > ABSTRACT_LIMIT:
        yield f"The abstract has {len(draft.abstract)} characters; the TNS takes {ABSTRACT_LIMIT}."
    for name, text in _texts(draft)[:2]:
        if re.search(r"[<>]|&(\w+|#\d+);", text) or not text.isprintable():
            yield f"The {name} must be plain text on one line, without angle brackets and entities of HTML."
    for name, text in _texts(draft):
        for word in _unexplained(text, draft.bundle):
            yield f"The {name} says {word!r}, which readers need not know: say what it means instead."


def _unexplained(text: str, models: str) -> list[str]:
    for model in models.split(", "):
        text = text.replace(model, "") if model else text
    ours = [word for word in OUR_WORDS if re.search(rf"(?<![\w-]){word}S?(?![\w-])", text)]
    return ours + [word for word in UNEXPLAINED if re.search(rf"(?i)(?<![\w-]){word}s?(?!\w)", text)]


def _authors(draft: Draft, approved: bool) -> Iterator[str]:
    if not draft.authors.strip():
        yield "The note has no authors."
    if not approved and APPROVER not in draft.authors:
        yield f"Nobody has approved the note yet, so its authors must hold the mark {APPROVER}."
    if approved and any(APPROVER in text for text in (draft.authors, *(text for _, text in _texts(draft)))):
        yield f"The note is approved, but {APPROVER} still stands where the name of its reviewer should."


def _counts(draft: Draft) -> Iterator[str]:
    """Each number of candidates that a text states is that of the table, and each is stated in title and abstract."""
    counts = Counter(row.label for row in draft.related)
    if not counts:
        yield "There is no object in the note, so there is nothing to announce."
    for name, text in _texts(draft):
        for label in _labels(draft):
            for said in re.findall(_COUNTED.format(re.escape(label)), text):
                if int(said) != counts[label]:
                    yield f"The {name} says {said} {label} candidates; the table has {counts[label]}."
            if re.search(_BARE.format(re.escape(label)), text):
                yield f"The {name} counts {label} without the word candidate: a machine classifies nothing."
    yield from _total(draft, len(draft.related))


def _total(draft: Draft, rows: int) -> Iterator[str]:
    """Title and abstract say how many there are: each class, or all together."""
    for name, text in _texts(draft)[:2]:
        said = [re.findall(_COUNTED.format(re.escape(label)), text) for label in _labels(draft)]
        together = re.findall(r"(?<![\w.])(\d+) candidates?\b", text)
        if str(rows) not in together and sum(int(one[0]) for one in said if one) != rows:
            yield f"The {name} does not say how many objects the table has: {rows}."


def _stated(draft: Draft) -> Iterator[str]:
    everything = " ".join(text for _, text in _texts(draft))
    body = " ".join(draft.body)
    for model in filter(None, draft.bundle.split(", ")):
        if model not in everything:
            yield f"The note does not name the version of the model: {model}."
    if not draft.bundle:
        yield "The note has no version of a model."
    if not _THRESHOLD.search(everything):
        yield "The note does not state a threshold: from which value on an object is listed."
    if "purity" not in everything.lower():
        yield "The note does not state the measured purity, or that none was measured."
    if draft.as_of not in everything or not _UT.fullmatch(draft.as_of):
        yield f"The note does not state since when its types and redshifts may have changed: as of {draft.as_of}."
    if not re.search(r"(?i)classified[^.]*(left out|excluded|not listed)", everything):
        yield "The note does not say that objects which people have classified are left out."
    if "not classifications" not in draft.abstract and "candidate" not in draft.abstract:
        yield "The abstract does not say that these are candidates."
    if draft.simulated and not all("simulated" in text.lower() for text in (draft.title, draft.abstract, body)):
        yield "The data are simulated, and title, abstract and body must each say so."


def _rows(draft: Draft) -> Iterator[str]:
    names = Counter(row.target_id for row in draft.related)
    for row in draft.related:
        if len(row.cells()) != len(draft.columns):
            yield f"The row of {row.name} has {len(row.cells())} cells; the table has {len(draft.columns)} columns."
        if not row.obj_type.endswith("candidate"):
            yield f"The row of {row.name} gives the type {row.obj_type!r}; only a candidate may be announced."
        if "[" not in row.name and not (row.ra and row.dec):
            yield f"The row of {row.name} has neither a name of the TNS nor a position."
    yield from (f"{name} stands in the table {n} times." for name, n in sorted(names.items()) if n > 1)


def _labels(draft: Draft) -> list[str]:
    """What a note counts: of what it lists, and of what somebody may have taken out."""
    return sorted({row.label for row in draft.related} | COUNTED)


def _texts(draft: Draft) -> list[tuple[str, str]]:
    """Every text that people read, by what it is."""
    body = [(f"paragraph {i} of the body", text) for i, text in enumerate(draft.body, 1)]
    return [("title", draft.title), ("abstract", draft.abstract), *body]
