"""The whole science path on one screen: evidence in, report out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.anomaly_layer import ALPHA, AnomalyLayer, Judged
from models.bundle import Bundle
from models.decision import Decision, Strategy
from models.domain import (
    FINE_CLASSES,
    Anomaly,
    Basis,
    Caveat,
    CaveatCode,
    Confidence,
    Evidence,
    Report,
    Spectrum,
    Status,
    Target,
    Verdict,
    WhatIf,
)
from models.domain.evidence import input_hash
from models.domain.looked import Looked
from models.luminosity import luminosity_of
from models.luminosity_law import MATCHED
from models.match_layer import Known, known_redshift, what_if_of
from models.matching.matcher import Found, in_question
from models.sentinel.detector import FALSE_ALARM_RATE, OperatingRegime
from models.set_layer import ALPHAS as ALPHAS
from models.set_layer import SetLayer, SetMethod
from models.similar.shelf import unit_to_text
from models.spectral.ensemble import EnsemblePrediction, Metadata
from models.spectral.occlusion import where_looked
from models.spectral.prepare import WHOLE, Extent, Prepared, prepare
from models.together import Together
from models.verdicts import basis_of, entropies, verdict_of

NO_SENTINEL = Caveat(code=CaveatCode.NOT_AVAILABLE, text="no anomaly score: this bundle has no Sentinel layer")


class Answer(NamedTuple):
    """What there is to say about one usable spectrum."""

    verdict: Verdict
    confidence: Confidence
    anomaly: Anomaly | None
    caveats: tuple[Caveat, ...]
    basis: Basis | None = None
    found: Found | None = None
    what_if: WhatIf | None = None
    embedding: str | None = None


class _Asked(NamedTuple):
    """One usable spectrum and what is known of it; `metadata` is what the networks are told."""

    evidence: Evidence
    prepared: Prepared
    metadata: Metadata
    known: Known | None


class Analyst:
    """Answers from one bundle. Keeps no state between calls and may be shared between threads.

    Parameters
    ----------
    bundle : Bundle
        One without an anomaly layer answers without anomaly, p-values and policy, and says so.
    regime : str
        Which operating regime decides whether a spectrum is anomalous; see `models.sentinel.detector`.
    alpha, false_alarm_rate : float
        The operator's budget: error rate of sets, cells and policy, and share of ordinary spectra that are flagged.
    strategy : str
        Which class is named; see `models.decision`.
    sets : str
        Which prediction sets are served; see `models.set_layer`. With `aps`, which no bundle is calibrated for
        otherwise, the networks are told no redshift and spectra of one object are not combined.

    Raises
    ------
    ValueError
        If the bundle does not hold what the strategy or the sets need.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        regime: OperatingRegime = "anchor",
        alpha: float = ALPHA,
        false_alarm_rate: float = FALSE_ALARM_RATE,
        strategy: Strategy = "within_seed",
        sets: SetMethod = "lac",
    ) -> None:
        self._bundle, self._alpha = bundle, alpha
        self._decision = Decision.of(strategy, bundle.card.get("prior", {}).get("answered"))
        self._layer = (
            None
            if bundle.sentinel is None
            else AnomalyLayer(bundle.sentinel, regime, alpha=alpha, false_alarm_rate=false_alarm_rate)
        )
        self._match = bundle.matching
        self._sets = SetLayer(
            bundle.calibration, None if bundle.sentinel is None else bundle.sentinel.calibration, sets
        )
        self._domains = self._sets.domains

    @property
    def bundle_id(self) -> str:
        """Which bundle answers."""
        return self._bundle.bundle_id

    def matched(self, spectrum_id: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A spectrum of the bank of matches: rest wavelengths in Angstrom and flux, NaN where missing.

        Raises
        ------
        ValueError
            If the bundle has no bank, or the bank does not hold it.
        """
        if self._match is None or spectrum_id not in self._match.matcher:
            raise ValueError(f"this bundle has no match {spectrum_id!r}")
        return self._match.matcher.drawn(spectrum_id)

    @property
    def together(self) -> Together | None:
        """How several spectra of an object become one answer; None where the bundle is not calibrated for that."""
        rule = None if self._match is None or self._sets.method != "lac" else self._match.together
        return None if rule is None else rule.deciding(self._decision)

    def sketch(self, spectrum_id: str) -> NDArray[np.float64]:
        """An archive spectrum named as a neighbour, over 3850-9000 A; NaN where missing, shape (200,).

        Raises
        ------
        ValueError
            If the archive of this bundle does not hold it.
        """
        if self._bundle.sentinel is None:
            raise ValueError("this bundle has no archive")
        return self._bundle.sentinel.analogs.drawn(spectrum_id)

    def looked(self, spectrum: Spectrum, label: str, redshift: float | None = None) -> Looked:
        """Where the networks looked for their answer about one spectrum; 0.6 s of a core.

        Parameters
        ----------
        label : str
            The class whose log-odds are asked for.
        redshift : float, optional
            What the networks were told of it (`Report.what_if`).

        Raises
        ------
        ValueError
            If nothing of the spectrum can be shown to the networks.
        """
        target = Target(target_id=spectrum.target_id or "", redshift=redshift)
        prepared = prepare(spectrum)
        bare = spectrum if self._match is None else replace(spectrum, redshift=redshift)
        told = self._asked(Evidence(target=target, spectrum=bare), prepared).metadata
        return where_looked(self._bundle.ensemble, prepared, FINE_CLASSES.index(label), told)

    @property
    def expected(self) -> Mapping[str, Mapping[str, float]]:
        """Share of ordinary (calibration) spectra that each regime flags, that become an ALERT and a COMMIT.

        By domain (`models.conformal.domains`); empty without an anomaly layer.
        """
        return {} if self._layer is None else self._layer.expected()

    def run(self, evidence: Evidence, caveats: Sequence[Caveat] = ()) -> Report:
        """Answer for one object; see `run_many`."""
        (report,) = self.run_many([(evidence, caveats)])
        return report

    def run_many(self, items: Sequence[tuple[Evidence, Sequence[Caveat]]]) -> list[Report]:
        """Answer for several objects at once, in order.

        Parameters
        ----------
        items : sequence of (Evidence, caveats)
            The caveats of quality control; a refusing one, or no spectrum, gives a refused report.
        """
        prepared = [self._prepared(evidence, caveats) for evidence, caveats in items]
        usable = [(evidence, p) for (evidence, _), (p, _) in zip(items, prepared, strict=True) if p is not None]
        asked = [self._asked(evidence, p) for evidence, p in usable]
        plain, told = self._predicted([p for _, p in usable], [a.metadata for a in asked])
        judged = self._judged(plain, [p for _, p in usable])
        answers = iter(self._answer(plain, told, judged, i, one) for i, one in enumerate(asked))
        return [
            self._report(evidence, caveats, None if p is None else next(answers))
            for (evidence, _), (p, caveats) in zip(items, prepared, strict=True)
        ]

    def _prepared(self, evidence: Evidence, caveats: Sequence[Caveat]) -> tuple[Prepared | None, tuple[Caveat, ...]]:
        caveats = tuple(caveats)
        if evidence.spectrum is None or any(c.refuses for c in caveats):
            return None, caveats or (Caveat(code=CaveatCode.NO_SPECTRUM, text="there is no spectrum"),)
        try:
            found = prepare(evidence.spectrum)
        except ValueError as error:
            return None, (*caveats, Caveat(code=CaveatCode.FLAT, text=str(error)))
        if self._calibrated_for(found):
            return found, caveats
        text = self._domains.refusal(found.spacing_A, found.extent)
        return None, (*caveats, Caveat(code=CaveatCode.LOW_COVERAGE, text=text))

    def _calibrated_for(self, prepared: Prepared) -> bool:
        """Whether both sets and p-values have calibration spectra of such coverage."""
        domains = [self._domains, *([] if self._layer is None else [self._layer.domains])]
        return all(d.answers(prepared.spacing_A, prepared.extent) for d in domains)

    def _asked(self, evidence: Evidence, prepared: Prepared) -> "_Asked":
        """Only what the bundle was trained with: an input the network never saw would be noise to it."""
        spectrum, trained = evidence.spectrum, self._bundle.card["metadata"]
        assert spectrum is not None
        known, redshift = known_redshift(evidence), spectrum.redshift
        if self._sets.method != "lac":  # calibrated on answers that were told nothing
            return _Asked(evidence, prepared, Metadata(), known)
        if self._match is not None:
            # A guarantee that was made without a redshift says nothing about answers with one.
            calibrated = self._match.calibrated(prepared.spacing_A, prepared.extent)
            redshift = known.redshift if known is not None and calibrated else None
        metadata = Metadata(
            phase_days=spectrum.phase_days if "phase" in trained else None,
            redshift=redshift if "redshift" in trained else None,
            instrument=spectrum.instrument if "instrument" in trained else None,
        )
        return _Asked(evidence, prepared, metadata, known)

    def _predicted(
        self, prepared: list[Prepared], metadata: list[Metadata]
    ) -> tuple[EnsemblePrediction, EnsemblePrediction]:
        """Without metadata, and with what is known."""
        plain = self._bundle.ensemble.predict(prepared)
        told = any(m != Metadata() for m in metadata)
        return plain, self._bundle.ensemble.predict(prepared, metadata) if told else plain

    def _judged(self, plain: EnsemblePrediction, prepared: list[Prepared]) -> Judged | None:
        """What the anomaly layer finds. It was calibrated without metadata, and so it is asked without."""
        if self._layer is None or not prepared:
            return None
        return self._layer.judge(plain, [p.spacing_A for p in prepared], [p.extent for p in prepared])

    def in_question(self, fine: NDArray[np.float64], spacing_A: float, extent: Extent = WHOLE) -> list[int]:
        """The classes whose archive spectra are matched: indices of those of the widest prediction set."""
        return in_question(self._sets.widest(fine, self._domains.consulted(spacing_A, extent)), fine)

    def _members(self, fine: NDArray[np.float64], consulted: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Prediction set at every alpha."""
        return {f"{a:g}": self._sets.members(fine, consulted, a) for a in sorted({*ALPHAS, self._alpha})}

    def _answer(
        self, plain: EnsemblePrediction, told: EnsemblePrediction, judged: Judged | None, i: int, asked: "_Asked"
    ) -> Answer:
        own = asked.prepared.spacing_A, asked.prepared.extent
        verdict = verdict_of(told, i, self._decision)
        consulted = self._domains.consulted(*own)
        cell, size = self._domains.named(consulted)
        sets = without = self._members(plain.fine[i], consulted)
        calibration = self._bundle.card["calibration"]
        calibration_id = calibration["id"]
        if told is not plain:
            sets = self._members(told.fine[i], consulted)
        if self._match is not None and asked.metadata.redshift is not None:
            cell, size = self._match.named(own[0])
            calibration_id = calibration.get("told_id", calibration_id)  # a local calibration has no redshifts
            sets = {alpha: self._match.members(told.fine[i], float(alpha), own[0]) for alpha in sets}
        confidence = Confidence(
            prediction_sets=sets,
            method=self._sets.method,
            calibration_id=calibration_id,
            calibration_cell=cell,
            calibration_size=size,
            calibration_date=calibration["date"],
            entropy=entropies(told, i),
        )
        notes = {
            CaveatCode.UNLIKE_CALIBRATION: self._domains.caveat(*own),
            CaveatCode.PARTIAL_COVERAGE: self._domains.partly(*own),
        }
        caveats = tuple(Caveat(code=code, text=text) for code, text in notes.items() if text is not None)
        if (chosen_by := self._decision.caveat(verdict.label, verdict.probabilities)) is not None:
            caveats = (*caveats, chosen_by)
        chosen = f"{self._alpha:g}"
        basis = basis_of(plain, i, asked.prepared, unlike=notes[CaveatCode.UNLIKE_CALIBRATION] is not None)
        answer = Answer(verdict, confidence, None, (*caveats, NO_SENTINEL), basis)
        if judged is not None:
            layer = judged.findings(i, verdict, sets[chosen])
            confidence = replace(confidence, **layer.confidence)
            answer = Answer(verdict, confidence, layer.anomaly, (*caveats, *layer.caveats), basis)
        answer = answer._replace(embedding=unit_to_text(plain.embedding[i]))
        if self._match is None:
            return answer
        what_if = None
        if asked.known is not None and asked.metadata.redshift is not None:
            what_if = what_if_of(asked.known, plain.fine[i], told.fine[i], without[chosen], sets[chosen], self._alpha)
        classes = self.in_question(plain.fine[i], *own)
        # The redshift that is found must not depend on the one that is known: the two are compared.
        question = self._match.question(asked.evidence, asked.known, plain, i, verdict.label, classes, own[0])
        return answer._replace(found=self._match.matcher.run(question, self._alpha), what_if=what_if)

    def _report(self, evidence: Evidence, caveats: tuple[Caveat, ...], answer: Answer | None) -> Report:
        spectrum_id = evidence.spectrum.spectrum_id if evidence.spectrum else evidence.spectrum_id
        digest = input_hash(evidence)
        if answer is None:
            return Report.refusal(
                target_id=evidence.target.target_id,
                spectrum_id=spectrum_id,
                caveats=caveats,
                bundle=self.bundle_id,
                input_hash=digest,
            )
        found, known = answer.found, known_redshift(evidence)
        estimated = None if found is None else found.redshift.value
        redshift, origin = (estimated, MATCHED) if known is None else (known.redshift, known.origin)
        luminosity, laws = luminosity_of(evidence, redshift, origin), self._bundle.luminosity
        return Report(
            target_id=evidence.target.target_id,
            spectrum_id=spectrum_id,
            status=Status.OK,
            verdict=answer.verdict,
            confidence=answer.confidence,
            anomaly=answer.anomaly,
            redshift=None if found is None else found.redshift,
            phase=None if found is None else found.phase,
            subtype=None if found is None else found.subtype,
            matches=() if found is None else found.matches,
            other_match=None if found is None else found.other_match,
            luminosity=luminosity,
            with_luminosity=None if laws is None else laws.beside(answer.verdict.probabilities, luminosity),
            what_if=answer.what_if,
            basis=answer.basis,
            caveats=(*caveats, *answer.caveats),
            embedding=answer.embedding,
            bundle=self.bundle_id,
            input_hash=digest,
        )
