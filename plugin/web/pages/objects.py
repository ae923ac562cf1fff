"""One object: every answer about it with its history, and what became of each on the marshal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from iris_client.protocols import Place
from iris_client.taxonomy.trust import NAMES, ORDER, Voice
from models.domain import FINE_CLASSES, NEEDLE_CLASSES
from plugin.cycle.objects.compose import around
from plugin.cycle.spectra import jointly
from plugin.cycle.spectra.because import Earlier, because, earlier, gist, summary
from plugin.cycle.spectra.compose import analog
from plugin.cycle.spectra.matched import redshift_in_words, with_luminosity_in_words
from plugin.cycle.spectra.overlays import no_redshift
from plugin.cycle.spectra.sketch import unpacked
from plugin.drift.renewing import chosen_words
from plugin.store import ASTRANET, NEEDLE, Filed, Parcel, Piece
from plugin.store.tns.names import Known
from plugin.store.truth.answered import Given, decide
from plugin.store.truth.verdicts import VERDICTS, Vetted
from plugin.truth.words import outcome
from plugin.web.look.answer import Answer
from plugin.web.look.figures import Figure, looked_figure, match_figures, spectrum_picture
from plugin.web.look.objects import history
from plugin.web.look.spectrum import overlay
from plugin.web.pages.actions import SAID
from plugin.web.pages.rows import headline, number, sets_at
from plugin.web.parts import WebParts
from plugin.web.reading import Delivered, Reading, Version
from plugin.web.rendering import page

_OPEN_STATES = ("new", "claimed", "parked")
_MANY_PLACES = 200

Hanging = Mapping[tuple[str, str, str, str], Delivered]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumView:
    """A spectrum: the answer that counts, and those before it."""

    filed: Filed
    alpha: float
    earlier: tuple[Version, ...] = ()
    is_current: bool = True
    vetted: tuple[Vetted, ...] = ()

    @property
    def answer(self) -> Answer:
        """What was said."""
        return Answer(report=self.filed.report, alpha=f"{self.alpha:g}")

    @property
    def headline(self) -> str:
        """What matters about it, as a sentence."""
        said = headline(self.answer)
        return said[:1].upper() + said[1:] + ("" if said.endswith((".", "?", "!")) else ".")

    @property
    def because(self) -> str | None:
        """Why it was answered anew, as a sentence; None for a first answer."""
        found = because(self.filed)
        return None if found is None else f"Answered anew: {found}."

    @property
    def before(self) -> list[Earlier]:
        """What was answered before, the latest first."""
        others = [version.filed for version in self.earlier]
        found = [*map(summary, others), *(one for filed in (self.filed, *others) for one in earlier(filed))]
        return sorted(found, key=lambda one: one.at, reverse=True)

    @property
    def label(self) -> str | None:
        """The class; None for a refusal."""
        return None if self.filed.report.verdict is None else self.filed.report.verdict.label

    @property
    def is_alert(self) -> bool:
        """Whether its policy is ALERT."""
        confidence = self.filed.report.confidence
        return confidence is not None and confidence.policy == "ALERT"

    @property
    def redshift(self) -> float | None:
        """The one that is known: at which its lines are marked."""
        return number(self.filed.facts.get("redshift"))

    @property
    def spreads(self) -> str:
        """How far the networks are apart about the class and about those left in the set; empty where not known."""
        verdict = self.filed.report.verdict
        if verdict is None:
            return ""
        named = [c for c in FINE_CLASSES if c == verdict.label or c in self.answer.members]
        parts = [f"{c} {verdict.probabilities[c]:.2f} ± {verdict.spread[c]:.2f}" for c in named if c in verdict.spread]
        return ", ".join(parts)

    @property
    def chosen(self) -> str:
        """Strategy and sets where the operator chose others than the usual ones."""
        verdict, confidence = self.filed.report.verdict, self.filed.report.confidence
        if verdict is None or confidence is None:
            return ""
        return ", ".join(chosen_words(verdict.strategy, confidence.method))

    @property
    def found(self) -> str | None:
        """The redshift that the spectrum shows, in words; None where the bundle cannot say."""
        return None if self.filed.report.redshift is None else redshift_in_words(self.filed.report.redshift)

    @property
    def luminous(self) -> str | None:
        """What its luminosity adds, in words; None where none is known."""
        also = self.filed.report.with_luminosity
        return None if also is None else with_luminosity_in_words(also)

    @property
    def probabilities(self) -> dict[str, float]:
        """By class, in a fixed order."""
        verdict = self.filed.report.verdict
        return {} if verdict is None else {c: verdict.probabilities[c] for c in FINE_CLASSES}

    @property
    def picture(self) -> Markup | None:
        """The spectrum with the lines of the classes that are left; None where no line of it was kept."""
        members = self.answer.members if len(self.answer.members) < len(FINE_CLASSES) else ()
        return spectrum_picture(self.filed, redshift=self.redshift, lines=members, why=f"{self.answer.why}.")

    @property
    def matches(self) -> list[Figure]:
        """The spectrum over its best match, and over that at another redshift; none where none can be believed."""
        return match_figures(self.filed)

    @property
    def no_redshift(self) -> str | None:
        """Why no match is drawn, where none can be believed."""
        return no_redshift(self.filed.report)

    @property
    def looked(self) -> Figure | None:
        """Where the networks looked; None where nobody has asked yet."""
        return looked_figure(self.filed)

    @property
    def can_be_looked_into(self) -> bool:
        """Whether somebody may ask where the networks looked."""
        return self.label is not None and self.looked is None

    @property
    def analogs(self) -> list[tuple[str, Markup | None, float | None]]:
        """The nearest spectra of the archive: in words, drawn over this one, and how far away they are."""
        anomaly, ours = self.filed.report.anomaly, unpacked(self.filed.facts.get("sketch"))
        found = []
        for n, neighbour in enumerate(anomaly.neighbours[:3] if anomaly else (), 1):
            theirs, words = unpacked(self.filed.facts.get(f"analog_{n}")), analog(neighbour)
            label, alt = str(neighbour.get("class")), f"Spectrum {self.filed.subject.id} in grey, {words} over it"
            both = None if ours is None or theirs is None else overlay(*ours, archive=theirs, label=label, alt=alt)
            found.append((words, both, number(neighbour.get("distance"))))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleView:
    """What NEEDLE says of the object, and what it said before."""

    filed: Filed
    alpha: float
    earlier: tuple[Version, ...] = ()

    @property
    def probabilities(self) -> dict[str, float]:
        """The scores by class, in a fixed order; empty for a refusal."""
        verdict = self.filed.report.host_verdict
        return {} if verdict is None else {c: verdict.probabilities[c] for c in NEEDLE_CLASSES}

    @property
    def members(self) -> tuple[str, ...]:
        """The prediction set."""
        verdict = self.filed.report.host_verdict
        return () if verdict is None else sets_at(verdict.prediction_sets, self.alpha)

    @property
    def rows(self) -> Sequence[Sequence[float]]:
        """MJD and scores after each of the latest nights."""
        verdict = self.filed.report.host_verdict
        return [] if verdict is None else verdict.history[-12:]

    @property
    def picture(self) -> Markup:
        """The scores over the nights."""
        verdict = self.filed.report.host_verdict
        return history(self.filed.target_id, () if verdict is None else verdict.history)

    @property
    def facts(self) -> str:
        """What it was found from, in one line."""
        f = self.filed.facts
        parts = [f"{f.get('n_g', 0)} detections in g, {f.get('n_r', 0)} in r"]
        parts += [f"{p:+.0f} d from the brightest" for p in (number(f.get("phase")),) if p is not None]
        parts += around(f)
        parts += [f"images {q:.2f}" for q in (number(f.get("quality")),) if q is not None]
        return " · ".join(parts) + (", one restored" if f.get("restored") else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectView:
    """Everything on file about an object."""

    name: str
    spectra: tuple[SpectrumView, ...] = ()
    needle: NeedleView | None = None
    pieces: tuple[Piece, ...] = ()
    names: tuple[Known, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    lost: tuple[str, ...] = ()
    hanging: Hanging = field(default_factory=dict)
    labels: tuple[Given, ...] = ()
    truth: str | None = None

    def sent(self, parcel: Parcel) -> Delivered | None:
        """What hangs there of a post."""
        return self.hanging.get((parcel.place.kind, parcel.place.id, parcel.kind, parcel.origin))

    @property
    def joined(self) -> str | None:
        """What spectrum and source say together, in words; None where nothing was joined."""
        bodies = [p.body for p in self.parcels if p.kind == "annotation" and p.origin == ASTRANET and p.body]
        return next((words for body in bodies if (words := jointly.in_words(body)) is not None), None)

    @property
    def is_known(self) -> bool:
        """Whether anything is on file."""
        return bool(self.spectra or self.needle or self.pieces or self.parcels or self.lost or self.names)


def search(parts: WebParts) -> Callable[[Request], Response]:
    """From a name that somebody typed to the object it belongs to."""

    def find(request: Request) -> Response:
        name = " ".join(request.query_params.get("name", "").split())[:255]
        with parts.store.begin(to_read=True) as unit:
            found = Reading(unit).target_of(name) if name else None
        if found is None:
            return page(request, "unknown.html", 404, name=name)
        return RedirectResponse(f"/object/{quote(found, safe='')}", 303)

    return find


def page_of(parts: WebParts) -> Callable[[Request], Response]:
    """The page of one object."""
    settings = parts.settings

    def one(request: Request) -> Response:
        name = request.path_params["name"][:255]
        with parts.store.begin(to_read=True) as unit:
            view = read(Reading(unit), name, settings.alpha, settings.trust)
        if not view.is_known:
            return page(request, "unknown.html", 404, name=name)
        return page(
            request,
            "object.html",
            view=view,
            marshal=settings.marshal_url,
            tns=settings.tns_url,
            alpha=f"{settings.alpha:g}",
            dry_run=settings.dry_run,
            said=SAID.get(request.query_params.get("said", "")),
            says=says,
            verdicts=VERDICTS,
            sources=NAMES,
            gist=gist,
            back=f"/object/{quote(name, safe='')}",
        )

    return one


def read(reading: Reading, name: str, alpha: float, trust: Sequence[Voice] = ORDER) -> ObjectView:
    """Everything on file about an object of this name; `trust` says who is believed first about what it is."""
    versions, lost = reading.versions(name)
    pieces = reading.pieces(name)
    said = reading.unit.verdicts.history
    spectra = [
        SpectrumView(filed=v.filed, alpha=alpha, earlier=e, vetted=tuple(said(v.filed.subject.id)))
        for v, e in _grouped(versions, ASTRANET)
    ]
    labels = tuple(reading.unit.truth.given(name))
    needle = [NeedleView(filed=v.filed, alpha=alpha, earlier=e) for v, e in _grouped(versions, NEEDLE)]
    numbers = {v.filed.subject.id for v in versions if v.filed.subject.kind == "spectrum"}
    numbers |= {piece.subject.id for piece in pieces if piece.subject.kind == "spectrum"}
    places = [Place(kind="source", id=name), *(Place(kind="spectrum", id=n) for n in sorted(numbers))][:_MANY_PLACES]
    return ObjectView(
        name=name,
        spectra=tuple(sorted(spectra, key=lambda s: (s.filed.observed_at or "", s.filed.filed_at), reverse=True)),
        needle=needle[0] if needle else None,
        pieces=tuple(piece for piece in pieces if piece.state in _OPEN_STATES),
        names=tuple(reading.unit.names.history(name)),
        parcels=tuple(reading.unit.outbox.at(places)),
        hanging=reading.delivered(places),
        lost=tuple(lost),
        labels=labels,
        truth=outcome(decide(labels, trust)) if labels else None,
    )


def _grouped(versions: Sequence[Version], producer: str) -> list[tuple[Version, tuple[Version, ...]]]:
    """By subject: the report that counts (the newest, where none does any more), and the others."""
    by_subject: dict[Any, list[Version]] = {}
    for version in versions:
        if version.filed.producer == producer:
            by_subject.setdefault(version.filed.subject, []).append(version)
    found = []
    for some in by_subject.values():
        first = next((v for v in some if v.is_current), some[0])
        found.append((first, tuple(v for v in some if v is not first)))
    return found


def says(parcel: Parcel) -> str:
    """What a post says, in a few words."""
    if parcel.fault is not None:
        return "what is stored cannot be read"
    if parcel.body is None:
        return "nothing"
    found = [parcel.body.get(key) for key in ("class", "an_class", "classification", "label", "status", "text")]
    return str(next((value for value in found if value is not None), ""))[:200]
