"""Answers on file, posts that are visible, and what people say: what the tests about truth share."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from iris_client.protocols import Place
from iris_client.taxonomy.trust import Voice
from models.domain import FINE_CLASSES, NEEDLE_CLASSES, Confidence, HostVerdict, Report, Status, Verdict
from plugin.store import ASTRANET, NEEDLE, Filed, Store, object_of, spectrum
from plugin.store.truth.truths import Heard, Told
from plugin.store.truth.verdicts import VERDICTS, Vetted

NOW = datetime(2026, 6, 10, 12)
HOUR = timedelta(hours=1)


def report(target_id: str, spectrum_id: str, label: str = "SN Ia") -> Report:
    rest = (1 - 0.82) / 6
    verdict = Verdict(
        label=label, probabilities={c: 0.82 if c == label else rest for c in FINE_CLASSES}, coarse={"Thermonuclear": 1}
    )
    return Report(target_id=target_id, spectrum_id=spectrum_id, status=Status.OK, verdict=verdict, bundle="b@1")


def file(store: Store, target_id: str, spectrum_id: str, at: datetime = NOW, said: Report | None = None) -> None:
    said = said or report(target_id, spectrum_id)
    with store.begin() as unit:
        unit.reports.put(
            Filed(
                subject=spectrum(spectrum_id),
                producer=ASTRANET,
                target_id=target_id,
                version="v",
                report=said,
                observed_at="2026-06-09T05:00:00",
                instrument="SEDM",
                filed_at=at,
            )
        )


def show(store: Store, place: Place, at: datetime) -> None:
    """Deliver an annotation."""
    with store.begin() as unit:
        unit.outbox.enqueue(place, kind="annotation", origin="O", body={"at": at.isoformat()}, group_ids=(6,), now=at)
        parcel = unit.outbox.claim(at, kinds=("annotation",))
        assert unit.outbox.sent(parcel, "1", at)


def hear(store: Store, target_id: str, source: Voice, *told: Told, now: datetime = NOW, whole: bool = True) -> Heard:
    with store.begin() as unit:
        return unit.truth.hear(target_id, source, told, now, whole=whole)


ALPHAS = ("0.01", "0.05", "0.1")
DOMAINS = ("high resolution", "low resolution", None)
INSTRUMENTS = ("SEDM", "ALFOSC <b>|x", "SPRAT", None)
NAMES: Mapping[str, str] = {"TDE": "Tidal Disruption Event", "SN II": "Type II", "SN Ibc": "Ib/c", "CV": "Cataclysmic"}
"""What a marshal calls our classes, where it is another name."""


def sure_report(rng: random.Random, target_id: str, spectrum_id: str, label: str) -> Report:
    """An answer with everything that the card counts; whether it is right of `label` is drawn."""
    p = rng.uniform(0.3, 0.99)
    said = label if rng.random() < p else rng.choice(FINE_CLASSES)
    rest = (1 - p) / 6
    sets = {a: tuple(c for c in FINE_CLASSES if rng.random() < (1 - float(a) if c == label else 0.1)) for a in ALPHAS}
    if rng.random() < 0.1:
        sets.pop("0.01")
    cell: dict[str, Any] = {"cell": f"{said}|Q1", "threshold": 0.5, "fires": rng.random() < 0.05}
    if rng.random() < 0.2:
        cell["threshold"] = None
    confidence = Confidence(
        prediction_sets=sets,
        method="lac",
        calibration_id="c",
        calibration_size=900,
        calibration_date="2026-06-01",
        p_mondrian=rng.choice([None, rng.random(), rng.random()]),
        p_marginal=rng.random(),
        policy=rng.choice(["COMMIT", "COMMIT", "ABSTAIN", "ALERT", None]),
        sentence="A sentence.",
        cell=rng.choice([None, cell, cell]),
        calibration_cell=rng.choice(DOMAINS),
    )
    verdict = Verdict(label=said, probabilities={c: p if c == said else rest for c in FINE_CLASSES}, coarse={})
    return Report(
        target_id=target_id,
        spectrum_id=spectrum_id,
        status=Status.OK,
        verdict=verdict,
        confidence=rng.choice([confidence, confidence, confidence, confidence, None])
        if rng.random() < 0.1
        else confidence,
        bundle=rng.choice(["compact-10@1", "compact-11@2"]),
    )


def fill(store: Store, *, objects: int, seed: int) -> None:
    """A marshal's year: answers, some visible, labels before and after, disputed, withdrawn, ours; verdicts; NEEDLE."""
    rng = random.Random(seed)
    number = 0
    for i in range(objects):
        name = f"ZTF26{i:05d}"
        label = rng.choices(FINE_CLASSES, weights=[60, 8, 3, 18, 5, 3, 3])[0]
        at = NOW - timedelta(days=rng.uniform(0, 200))
        with store.begin() as unit:
            for _ in range(rng.choice([1, 1, 1, 2, 3])):
                number += 1
                said = sure_report(rng, name, str(number), label)
                facts = {"snr": round(rng.uniform(1, 40), 2)} if rng.random() < 0.9 else {}
                unit.reports.put(
                    _filed(spectrum(str(number)), ASTRANET, name, said, at, facts, rng.choice(INSTRUMENTS))
                )
                is_alert = said.confidence is not None and said.confidence.policy == "ALERT"
                for who in ("ann", "bob") if is_alert and rng.random() < 0.6 else ():
                    word = Vetted(
                        spectrum_id=str(number),
                        target_id=name,
                        who=who,
                        verdict=rng.choice([VERDICTS[0], rng.choice(VERDICTS)]),
                        told_at=at,
                        bundle="b",
                    )
                    unit.verdicts.say(word)
            if rng.random() < 0.5:
                unit.reports.put(_filed(object_of(name), NEEDLE, name, _needle(rng, name, label), at, {}, None))
        if rng.random() < 0.7:
            show(store, Place(kind="source", id=name), at + HOUR)
        _people(store, rng, name, label, at)


def _people(store: Store, rng: random.Random, name: str, label: str, at: datetime) -> None:
    if rng.random() < 0.25:
        return
    called = NAMES.get(label, label.removeprefix("SN ")) if rng.random() < 0.93 else rng.choice(["LBV", "Nova"])
    when = at + timedelta(days=rng.uniform(-3, 6))
    told = [Told(key="1", name=called, told_by="ann", told_at=when, probability=rng.choice([None, 0.9, 0.3]))]
    if rng.random() < 0.1:
        told.append(Told(key="2", name=rng.choice(["Ia", "Ib", "Supernova"]), told_by="bob", told_at=when))
    later = when + timedelta(days=2)
    hear(store, name, "marshal", *told, now=max(later, NOW - 300 * 24 * HOUR))
    if rng.random() < 0.3:
        hear(store, name, "tns", Told(key="tns", name=label, derived=rng.random() < 0.2), now=later)
    if rng.random() < 0.05:
        hear(store, name, "marshal", now=later + HOUR)
    if rng.random() < 0.05:
        hear(store, name, "file", Told(key="cat", name=label), now=later, whole=False)


def _needle(rng: random.Random, name: str, label: str) -> Report:
    said = rng.choice(NEEDLE_CLASSES)
    verdict = HostVerdict(
        label=said,
        probabilities={c: 0.8 if c == said else 0.1 for c in NEEDLE_CLASSES},
        model="needle@1",
        prediction_sets={"0.05": tuple(c for c in NEEDLE_CLASSES if rng.random() < 0.6)},
    )
    return Report(target_id=name, spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle="needle@1")


def _filed(subject, producer, name, said, at, facts, instrument) -> Filed:
    return Filed(
        subject=subject,
        producer=producer,
        target_id=name,
        version="v",
        report=said,
        facts=facts,
        instrument=instrument,
        filed_at=at,
    )
