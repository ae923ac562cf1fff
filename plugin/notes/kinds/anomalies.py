"""Notes about anomalies: objects with a spectrum unlike those the networks know, whatever class it was called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.card_fields import BundleCard
from models.conformal.policy import FailureMode, Policy
from plugin.cycle.spectra.matched import named as match_named
from plugin.notes import wording
from plugin.notes.draft import Facts, Text
from plugin.notes.entries import Entry
from plugin.notes.figures import RESOLUTIONS
from plugin.notes.period import Period
from plugin.notes.related import TNS_COLUMNS, RelatedObject, known_redshift, matched_redshift, row, source_of
from plugin.notes.rules import NO_ANSWER, OLD, recent
from plugin.notes.wording import Sentence

LABEL: Final = "anomaly"
ORDINARY: Final = "with ordinary spectra only"
_IMPRESSIONS: Final = {
    FailureMode.DISGUISE: "like {label} at first sight, unusual in detail",
    FailureMode.CONTINUUM: "far from every known class, perhaps a continuum without lines",
    FailureMode.AMBIGUOUS: "unusual, and it could be {classes}",
    FailureMode.NOVEL: "perhaps none of the known classes",
}
"""What an unusual spectrum resembles, in words."""
_COLUMNS_EXPLAINED: Final = (
    "In the table, Looks like is the class that the spectrum resembles most, with its probability; As odd is the "
    "share of ordinary spectra with a score as high, among those of the same class where there are enough; Stands out "
    "by names the tests that fire by themselves: uncertainty (the networks are unsure or disagree), distance (the "
    "spectrum lies far from those the networks learned from), density (few of them are like it) and hybrid (distance "
    "and uncertainty together); Nearest known is the archive spectrum that is most like it."
)


@dataclass(frozen=True, slots=True)
class Tested:
    """How often the rule lists spectra of known classes: `listed` of `spectra`, and the share called rightly."""

    spectra: int
    listed: int
    right: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomaliesKind:
    """What makes a spectrum unusual enough.

    Parameters
    ----------
    share : float
        Share of ordinary spectra whose anomaly score is as high as the threshold.
    tested : mapping of str to Tested
        By resolution, what the rule did to test spectra of known classes.
    alpha : float
        Of the set of classes that cannot be ruled out.
    """

    share: float = 0.05
    tested: Mapping[str, Tested] = field(default_factory=dict)
    alpha: float = 0.05
    name: str = "anomalies"
    columns: tuple[str, ...] = (*TNS_COLUMNS, "Looks like", "As odd", "Stands out by", "Impression", "Nearest known")

    def judge(self, entries: Sequence[Entry], period: Period) -> Entry | str:
        """The most unusual spectrum; see `plugin.notes.rules.Judge`."""
        answered = [e for e in entries if e.report.verdict is not None and e.report.anomaly is not None]
        if not answered:
            return NO_ANSWER
        young = [e for e in answered if recent(e.observed_at, period)]
        if not young:
            return OLD
        odd = [e for e in young if e.report.confidence is not None and e.report.confidence.policy == Policy.ALERT]
        return min(odd, key=self.rank) if odd else ORDINARY

    def answer(self, entry: Entry) -> str:
        """The families of scores by which it stands out, else what it resembles."""
        anomaly = entry.report.anomaly
        return "" if anomaly is None else ", ".join(anomaly.fired) or anomaly.resembles or "the score alone"

    def rank(self, entry: Entry) -> tuple[float | str, ...]:
        """The rarest among ordinary spectra first, then by the score itself."""
        p, _ = _rarity(entry)
        return 1.0 if p is None else p, -entry.report.anomaly.score if entry.report.anomaly else 0.0

    def model(self, entry: Entry) -> str:
        """The version of the bundle."""
        return entry.report.bundle

    def row(self, entry: Entry) -> RelatedObject:
        """One object, its most unusual spectrum."""
        report = entry.report
        verdict, anomaly, (p, cell) = report.verdict, report.anomaly, _rarity(entry)
        assert verdict is not None
        assert anomaly is not None
        return row(
            entry,
            label=LABEL,
            answer=self.answer(entry),
            source=source_of(entry),
            remarks=[f"marshal spectrum {report.spectrum_id}", f"anomaly score {anomaly.score:.2f} (0 to 1)"],
            redshift=known_redshift(entry.target) or matched_redshift(report.redshift),
            more=(
                f"{verdict.label} ({verdict.probability:.2f})",
                "" if p is None else f"{100 * p:.{0 if p >= 0.0995 else 1}f} % of {_comparable(cell)}",
                ", ".join(anomaly.fired) or "the score alone",
                self._impression(entry),
                match_named(anomaly.neighbours[0]) if anomaly.neighbours else "",
            ),
        )

    def text(self, facts: Facts) -> Text:
        """The words."""
        chosen, what = facts.selection, wording.counted(facts.counts)
        return Text(
            title=f"ASTRANet: {what} among spectra of the {facts.period.nights}",
            keywords=("Transient",),
            abstract=[
                Sentence(
                    f"We report {what}: objects with a spectrum unlike those of known classes, found by the automatic "
                    f"spectral classifier ASTRANet (model version {wording.brief(facts.models)}) in spectra of "
                    f"{wording.n(chosen.n_objects, 'object')} in {facts.marshal}, {facts.period.nights}.",
                    wording.ESSENTIAL,
                ),
                Sentence(wording.named([r.name for r in facts.rows]), 1),
                Sentence(wording.NOT_CLASSIFIED, 7),
                Sentence(self._rule(), 6),
                Sentence(
                    f"Among {wording.n(_answered(facts), 'answered spectrum', 'answered spectra')} some "
                    f"{self._by_chance(facts)} are expected to be listed though they are ordinary; the purity in the "
                    "sky is not known.",
                    5,
                ),
                Sentence(f"Objects that people had classified by {facts.as_of} are left out.", 4),
                Sentence(wording.ENCOURAGED, 2),
            ],
            body=(
                f"ASTRANet, an automatic classifier of observer-frame spectra, processed "
                f"{wording.n(chosen.n_answers, 'spectrum', 'spectra')} of {wording.n(chosen.n_objects, 'object')} in "
                f"{facts.marshal} between {facts.period.start:%Y-%m-%d %H:%M} and {facts.period.end:%Y-%m-%d %H:%M} "
                f"UT; {wording.refused(chosen.n_refused)}. Beside a "
                f"class it gives each spectrum a score that says how unlike the known spectra it is. The Related "
                f"Objects table lists {what}, one row per object (its most unusual spectrum), the most unusual first.",
                f"{self._rule()} The class does not matter: spectra called cataclysmic variable (CV) or active galaxy "
                f"(AGN) are listed too, because novae and blazars hide among them. {wording.left_out(chosen.left_out)}",
                _COLUMNS_EXPLAINED,
                f"The model is version {facts.models}. No purity can be given, for nobody knows how many unusual "
                f"objects a survey holds; of {wording.n(_answered(facts), 'answered spectrum', 'answered spectra')} "
                f"some {self._by_chance(facts)} are expected in the table though they are ordinary. {self._tests()}",
                wording.known_since(facts.marshal, facts.as_of, facts.looked_up),
                wording.REVIEWED,
            ),
        )

    def _impression(self, entry: Entry) -> str:
        report = entry.report
        label = report.verdict.label if report.verdict else "?"
        classes = report.confidence.prediction_sets.get(f"{self.alpha:g}", ()) if report.confidence else ()
        try:
            words = _IMPRESSIONS[FailureMode(report.anomaly.resembles or "" if report.anomaly else "")]
        except ValueError:  # another version's
            return ""
        return words.format(label=label, classes=" or ".join(classes) or label)

    def _rule(self) -> str:
        return (
            f"Selection: the anomaly score is at or above the threshold that {wording.percent(self.share)} of ordinary "
            "spectra reach, whatever the class."
        )

    def _by_chance(self, facts: Facts) -> str:
        return f"{self.share * _answered(facts):.1f}"

    def _tests(self) -> str:
        """What the rule did to spectra of known classes."""
        parts = []
        for domain, found in self.tested.items():
            share = (
                ""
                if found.right is None
                else f", and the class they were given was right for {wording.percent(round(found.right, 2))}"
            )
            where = RESOLUTIONS.get(domain, domain)
            parts.append(f"at {where} it lists {found.listed} of {found.spectra}{share}")
        return f"Of held-out test spectra of known classes, {'; '.join(parts)}." if parts else ""


def figures_of_alerts(card: BundleCard) -> dict[str, Tested]:
    """What the card says of test spectra, at the rates that the bundle was measured with."""
    metrics = card.get("metrics")
    found = {}
    for name, domain in ({} if metrics is None else metrics.get("domains", {})).items():
        fields = domain.get("policy", {}).get(Policy.ALERT)
        if fields is not None:
            found[name] = Tested(domain["real"]["spectra"], fields["spectra"], fields.get("accuracy"))
    return found


def _answered(facts: Facts) -> int:
    return facts.selection.n_answers - facts.selection.n_refused


def _comparable(cell: str) -> str:
    """`222 spectra (every class, low resolution)` of `every class, low resolution (222)`."""
    name, bracket, size = cell.removesuffix(")").rpartition(" (")
    return f"{size} spectra ({name})" if bracket and size.isdigit() else cell


def _rarity(entry: Entry) -> tuple[float | None, str]:
    """The share of ordinary spectra that are as odd, and which ones: of the predicted class, or all."""
    confidence = entry.report.confidence
    if confidence is None:
        return None, ""
    if confidence.p_mondrian is not None:
        return confidence.p_mondrian, confidence.p_mondrian_cell or "the same class"
    return confidence.p_marginal, "all"
