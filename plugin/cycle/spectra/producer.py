"""ASTRANet on spectra: what the loop needs to read, ask and say about each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Protocol

import numpy as np
import structlog

from iris_client.errors import NotFound, UpstreamError, redact
from iris_client.protocols import PhotometrySource, SpectrumSource
from iris_client.quality.checks import signal_to_noise
from iris_client.quality.control import QualityRules, examine
from iris_client.quality.phase import redshift_of
from models.domain import Caveat, Evidence, LightCurve, RawSpectrum, Report, Spectrum, Target
from models.domain.joined import Surrounding
from models.domain.looked import Looked
from models.joined.evidence import surrounding
from plugin.clock import Clock, utc_now
from plugin.cycle.messages.alerts import about_spectrum, unsaid
from plugin.cycle.posting import Post, Posting
from plugin.cycle.posts import on_source
from plugin.cycle.producer import Draft
from plugin.cycle.spectra import compose
from plugin.cycle.spectra.because import with_reason
from plugin.cycle.spectra.likeness import remember
from plugin.cycle.spectra.looked import ASKED, Looking, looked_at, to_facts, with_looked
from plugin.cycle.spectra.overlays import Matched
from plugin.cycle.spectra.renew import REDSHIFT
from plugin.cycle.spectra.sketch import Drawn, sketches
from plugin.store import ASTRANET, Filed, Piece, Subject, Unit
from plugin.store.filed import SNR, Fact
from plugin.store.subject import Kind

_log = structlog.get_logger("astranet.analyse")

Item = tuple[Evidence, Sequence[Caveat]]
Card = Callable[..., bytes]
"""From a report, its spectrum, and where the networks looked if that is known (`looked=`), to a picture, PNG."""


class Analyst(Protocol):
    """What is needed of `models.analyst.Analyst`."""

    @property
    def bundle_id(self) -> str:
        """Which bundle answers."""

    def run_many(self, items: Sequence[Item]) -> list[Report]:
        """One report per item, in their order; a refusal where the caveats refuse."""


@dataclass(frozen=True, slots=True)
class KnownSpectrum:
    """Everything that is known about a spectrum."""

    raw: RawSpectrum
    target: Target
    item: Item
    redshift: float | None = None


@dataclass(slots=True, kw_only=True)
class SpectraProducer:
    """A `plugin.cycle.producer.Producer`.

    Parameters
    ----------
    secrets : tuple of str
        Texts that must not be filed, should the marshal echo them in a spectrum.
    card : callable or None
        Draws the vetting card of an alert; None for no cards.
    drawn : callable or None
        The archive's spectra as lines, for the pages; None leaves them out.
    matched : callable or None
        The spectra of the bank of matches, likewise.
    looking : callable or None
        Where the networks looked; asked for alerts with a card, and where somebody asks on a page.
    photometry : PhotometrySource or None
        Asked for the light curve of each spectrum's source, for its absolute magnitude; None leaves it out.
    """

    marshal: SpectrumSource
    analyst: Analyst
    posting: Posting
    rules: QualityRules = field(default_factory=QualityRules)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    card: Card | None = None
    drawn: Drawn | None = None
    matched: Matched | None = None
    looking: Looking | None = None
    photometry: PhotometrySource | None = None
    clock: Clock = utc_now
    name: Final[str] = ASTRANET
    kind: Final[Kind] = "spectrum"
    tries: Final[int] = 1

    def fetch(self, piece: Piece, targets: dict[str, Target]) -> KnownSpectrum:
        """The spectrum and its source, through quality control."""
        raw = without_secrets(self.marshal.spectrum(piece.subject.id), self.secrets)
        name = raw.target_id or piece.target_id
        if name not in targets:
            targets[name] = self._target(name)
        redshift = redshift_of(raw, targets[name])
        origin = _cleaned(redshift.origin, self.secrets)  # a refusal quotes it, and a report
        examined = examine(raw, self.rules, redshift=replace(redshift, origin=origin))
        told = replace(targets[name], redshift_origin=_cleaned(targets[name].redshift_origin, self.secrets))
        curve = None if examined.spectrum is None else self._light_curve(name)
        item = (Evidence(target=told, spectrum=examined.spectrum, light_curve=curve), examined.caveats)
        return KnownSpectrum(raw, targets[name], item, redshift.value)

    def _target(self, name: str) -> Target:
        """The source; only its name where the token may read the spectrum but not the source."""
        try:
            return self.marshal.target(name)
        except NotFound:
            return Target(target_id=name)

    def _light_curve(self, name: str) -> LightCurve | None:
        """The source's photometry; None where nobody is asked or the answer is an error: a class does not need it."""
        if self.photometry is None:
            return None
        try:
            return self.photometry.light_curve(name)
        except UpstreamError as error:
            _log.warning("no photometry", source=name, error=str(error))
            return None

    def answer(self, known: Sequence[KnownSpectrum]) -> list[Report]:
        """Reports, in order."""
        return self.analyst.run_many([one.item for one in known])

    def draft(self, piece: Piece, known: KnownSpectrum, answer: Report) -> Draft:
        """The report with what the marshal says of the spectrum, and the vetting card of an alert."""
        spectrum = known.item[0].spectrum
        filed = Filed(
            subject=piece.subject,
            producer=self.name,
            target_id=known.target.target_id,
            version=piece.version,
            report=replace(
                answer,
                target_id=known.target.target_id,
                spectrum_id=piece.subject.id,
                surrounding=_around(known.target, known.item[0].light_curve),
            ),
            facts={
                **sketches(spectrum, known.raw, answer, known.redshift, self.drawn, self.matched),
                **({} if known.target.redshift is None else {REDSHIFT: known.target.redshift}),
                **_signal(known.item[0].spectrum, self.rules),
            },
            observed_at=known.raw.observed_at,
            instrument=known.raw.instrument,
            group_ids=known.raw.group_ids,
            filed_at=self.clock(),
        )
        looked = self._looked(piece, filed, spectrum)
        if looked is not None:
            filed = replace(filed, facts={**filed.facts, **to_facts(looked)})
        return Draft(filed=filed, posts=self._cards(filed, spectrum, looked))

    def _looked(self, piece: Piece, filed: Filed, spectrum: Spectrum | None) -> Looked | None:
        """Where the networks looked. It takes as long as several answers, so only where somebody will see it."""
        if self.looking is None or spectrum is None:
            return None
        has_card = self.card is not None and compose.wants_card(filed, self.posting)
        return looked_at(filed.report, spectrum, self.looking) if has_card or piece.reason == ASKED else None

    def _cards(self, filed: Filed, spectrum: Spectrum | None, looked: Looked | None) -> list[Post]:
        """The vetting card of an alert. Drawn before the transaction: a picture takes a moment."""
        if self.card is None:
            return []
        if spectrum is None or not compose.wants_card(filed, self.posting):
            return [compose.no_card(filed.subject.id)]
        more = {} if looked is None else {"looked": looked}
        return [compose.card_post(filed, self.card(filed.report, spectrum, **more), self.posting)]

    def file(self, unit: Unit, piece: Piece, draft: Draft) -> list[Post]:
        """The report, unless a newer version of the spectrum has one; posts on the spectrum and on its source."""
        if unit.spectra.has_newer_done(piece):
            return []
        filed = draft.filed
        before = unit.reports.of(filed.subject, self.name)
        latest, counted = unit.reports.latest(filed.subject, self.name) or (None, False)
        filed = with_reason(with_looked(filed, before), latest, counted=counted, asked=piece.reason)
        unit.reports.put(filed)
        remember(unit, filed)
        summary = on_source(unit, filed.target_id, self.posting)
        told = about_spectrum(unit, filed, self.posting)
        posts = [compose.on_spectrum(filed, self.posting), *summary, *draft.posts, *told]
        if before is not None and before.target_id != filed.target_id:  # the spectrum was moved to another source
            posts += on_source(unit, before.target_id, self.posting)
        return posts

    def withdraw(self, unit: Unit, subject: Subject, target_id: str) -> list[Post]:
        """Nothing on the spectrum, a card or a message that waits included, and the source without it."""
        unit.vectors.drop(subject.id)
        silent = [compose.no_card(subject.id), *unsaid(subject.id, self.posting)]
        return [compose.gone(subject.id), *on_source(unit, target_id, self.posting), *silent]


def _around(target: Target, curve: LightCurve | None) -> Surrounding | None:
    """What is known of the source at no further request; None where that is nothing."""
    found = surrounding(target, curve)
    return None if found == Surrounding() else found


def _signal(spectrum: Spectrum | None, rules: QualityRules) -> dict[str, Fact]:
    """Signal to noise per pixel of what was classified, where it is a number."""
    if spectrum is None:
        return {}
    low, high = rules.window_A
    inside = (spectrum.wavelength_A >= low) & (spectrum.wavelength_A <= high) & np.isfinite(spectrum.flux)
    ratio = signal_to_noise(spectrum.flux[inside]) if inside.any() else np.inf
    return {SNR: round(float(ratio), 2)} if np.isfinite(ratio) else {}


def without_secrets(raw: RawSpectrum, secrets: tuple[str, ...]) -> RawSpectrum:
    """Take secrets out of a spectrum's texts and out of cells that should be numbers: refusals quote both."""
    values = ((f.name, getattr(raw, f.name)) for f in fields(raw))
    return replace(raw, **{name: cleaned for name, v in values if (cleaned := _cleaned(v, secrets)) is not v})


def _cleaned(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str) and any(secret in value for secret in secrets):
        return redact(value, secrets)
    if isinstance(value, list) and any(isinstance(cell, str) for cell in value):
        return [_cleaned(cell, secrets) for cell in value]
    return value
