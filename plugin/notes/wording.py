"""The words of a note. Plain text only: the abstract goes to e-mail and ADS, and templates escape the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plugin.notes.entries import Figures
from plugin.notes.night import Night
from plugin.notes.rules import NoteRules, Selection

APPROVER = "[NAME OF THE PERSON WHO REVIEWED THIS NOTE]"
"""Stands in the draft until a person takes its place."""

SIMULATED = "SIMULATED DATA, NOT FOR SUBMISSION."
_KEYWORDS = {"TDE": ("TDE",), "SLSN": ("Supernova",), "SN Ia": ("Supernova",), "SN Ibc": ("Supernova",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the sentences say; `counts` is counted from the table, by class, rarest first."""

    night: Night
    counts: Mapping[str, int]
    selection: Selection
    rules: NoteRules
    figures: Figures
    bundle: str
    as_of: str
    marshal: str
    simulated: bool
    looked_up: str | None = None
    """Since when at least the TNS's names and types are those of the table; None when the service cannot ask."""

    @property
    def total(self) -> int:
        """Rows of the table."""
        return sum(self.counts.values())


def title(facts: Facts) -> str:
    """One line."""
    prefix = "[SIMULATED] " if facts.simulated else ""
    return f"{prefix}ASTRANet: {_by_class(facts)} from spectra of the night {facts.night} UT"


def keywords(facts: Facts) -> tuple[str, ...]:
    """Keywords seen in TNS notes; the person who submits may pick others."""
    found = {word for label in facts.counts for word in _KEYWORDS.get(label, ("Supernova",))}
    return ("Transient", *sorted(found))


def abstract(facts: Facts) -> list[str]:
    """Sentences in the order of the text; the later a sentence, the sooner `fit` drops it."""
    lead = f"{SIMULATED} " if facts.simulated else ""
    return [
        f"{lead}We report {_by_class(facts)} found by the ASTRANet spectral classifier (model version {facts.bundle}) "
        f"among spectra of {_n(facts.selection.n_objects, 'object')} in {facts.marshal}, night of {facts.night} UT "
        f"(noon to noon UTC).",
        "These are machine-selected candidates, not classifications.",
        _threshold(facts),
        f"Types and redshifts are as of {facts.as_of}; objects already classified by people are left out.",
        f"Purity / recall (95 % interval) on {facts.figures.test}: "
        f"{'; '.join(facts.figures.short(label) for label in facts.counts)}.",
        "Spectroscopic confirmation and follow-up are encouraged.",
    ]


def body(facts: Facts) -> tuple[str, ...]:
    """Paragraphs."""
    chosen = facts.selection
    warning = (f"{SIMULATED} Objects, spectra and redshifts in this note are made up.",) if facts.simulated else ()
    return (
        *(plain(w) for w in warning),
        plain(
            f"ASTRANet, an automatic classifier of observer-frame spectra, processed "
            f"{_n(chosen.n_spectra, 'spectrum', 'spectra')} of {_n(chosen.n_objects, 'object')} in {facts.marshal} "
            f"between {facts.night.start:%Y-%m-%d %H:%M} and {facts.night.end:%Y-%m-%d %H:%M} UT; "
            f"{_n(chosen.n_refused, 'spectrum', 'spectra')} did not pass quality control. "
            f"The Related Objects table lists {_by_class(facts)}, one row per object (its best spectrum)."
        ),
        plain(f"{_threshold(facts)} {_left_out(facts)}"),
        plain(
            f"The model is version {facts.bundle}. Measured on {facts.figures.test}, 95 % intervals in brackets: "
            f"{_measured(facts)}. These figures are for every test spectrum, not only those above the threshold. "
            f"The set of possible classes misses the true one in {facts.rules.alpha:.0%} of cases on average, provided "
            f"that new spectra are like those it was calibrated on."
        ),
        plain(
            f"Types and redshifts are those {facts.marshal} gave as of {facts.as_of}. {_tns(facts)} "
            f"A redshift may be the host's."
        ),
        plain(
            f"Every object here is a candidate selected by a machine. Reviewed before submission by: {APPROVER}. "
            f"Spectroscopic confirmation and follow-up are encouraged."
        ),
    )


def _tns(facts: Facts) -> str:
    if facts.looked_up is None:
        return "It may lag behind the TNS: check there before submission."
    return f"The TNS itself was looked up as of {facts.looked_up}: check again before submission."


def fit(sentences: Sequence[str], limit: int) -> str:
    """As many sentences as fit, whole ones, dropped from the end.

    Raises
    ------
    ValueError
        If even the first is too long.
    """
    kept = [plain(s) for s in sentences]
    while kept and len(" ".join(kept)) > limit:
        kept.pop()
    if not kept:
        raise ValueError(f"the first sentence of the abstract is longer than {limit} characters")
    return " ".join(kept)


def plain(text: str) -> str:
    """One line of printable text without mark-up characters."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.replace("<", "(").replace(">", ")").split())


def _by_class(facts: Facts) -> str:
    """`1 TDE candidate and 3 SN Ia candidates`."""
    parts = [_n(n, f"{label} candidate") for label, n in facts.counts.items()]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _threshold(facts: Facts) -> str:
    rules = facts.rules
    return (
        f"Selection: the probability of the class is at least {rules.min_probability:g}, and it is the only class left "
        f"in the set of classes that holds the true one for {1 - rules.alpha:.0%} of spectra."
    )


def _measured(facts: Facts) -> str:
    return "; ".join(facts.figures.sentence(label) for label in facts.counts)


def _left_out(facts: Facts) -> str:
    if not facts.selection.left_out:
        return "No object was left out."
    reasons = ", ".join(f"{n} ({reason})" for reason, n in facts.selection.left_out.items())
    return f"Objects left out: {reasons}."


def _n(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
