"""From a marshal to a cache: every spectrum of some groups with its object; goes on where it stopped."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from iris_client.errors import BadPayload, NotFound, Refused
from iris_client.protocols import PhotometrySource, SpectrumSource, SpectrumStub, TransientNames
from iris_client.quality.phase import Peak, mjd_of, peak_of, phase_of, redshift_of
from iris_client.taxonomy.names import Label
from iris_client.taxonomy.trust import ORDER, Voice, settle
from models.domain import RawSpectrum, Target
from plugin.lab.dataset.cache import SpectrumCache
from plugin.lab.dataset.records import Record

T = TypeVar("T")


def fetch(
    source: SpectrumSource,
    photometry: PhotometrySource,
    folder: Path,
    *,
    group_ids: Sequence[int],
    refresh: bool = False,
    names: TransientNames | None = None,
    progress: Callable[[int], None] = lambda _: None,
    total: Callable[[int], None] = lambda _: None,
) -> Counter[str]:
    """Fetch what is not in `folder` yet, and newer versions of what is.

    Parameters
    ----------
    refresh : bool
        Ask again for the objects that are there: their classes and redshifts may have changed.
    names : TransientNames, optional
        Who knows what the TNS calls an object, as the service asks them; without it the marshal's own copy stands.

    Returns
    -------
    Counter of str
        Spectra `fetched`, `there` already, `gone` meanwhile, and `unreadable`, which are kept as refusals and asked
        for again the next time.

    Raises
    ------
    Unavailable
        When the marshal is away; what came until then is safe, and the next call goes on from there.
    """
    done: Counter[str] = Counter()
    with SpectrumCache(folder) as cache:
        asked: set[str] = set() if refresh else set(cache.objects)
        stubs = source.spectra_modified_since(None, group_ids=group_ids)
        total(len(stubs))
        for stub in stubs:
            progress(1)
            if cache.versions.get(stub.spectrum_id) == stub.modified:
                done["there"] += 1
            else:
                done[_fetch_one(source, cache, stub)] += 1
            if stub.target_id not in asked and stub.spectrum_id in cache.versions:
                asked.add(stub.target_id)
                _fetch_object(source, photometry, cache, stub.target_id, names)
    return done


def _fetch_one(source: SpectrumSource, cache: SpectrumCache, stub: SpectrumStub) -> str:
    try:
        cache.put_spectrum(source.spectrum(stub.spectrum_id))
    except NotFound:
        return "gone"
    except (BadPayload, Refused) as error:
        trouble = RawSpectrum(
            spectrum_id=stub.spectrum_id, target_id=stub.target_id, modified=stub.modified, trouble=str(error)
        )
        cache.put_spectrum(trouble)
        return "unreadable"
    return "fetched"


def _fetch_object(
    source: SpectrumSource,
    photometry: PhotometrySource,
    cache: SpectrumCache,
    target_id: str,
    names: TransientNames | None,
) -> None:
    """What is known of one object; what cannot be read is asked for the next time.

    Its spectra are kept all the same: without their object they have no class, and are rejected with that reason.
    """
    try:
        target = _or_none(lambda: source.target(target_id)) or Target(target_id=target_id)
        if names is not None and (found := names.match(target)) is not None:
            target = replace(target, tns_name=found.name, tns_type=found.type or target.tns_type)
        cache.put_object(target, _or_none(lambda: photometry.light_curve(target_id)))
    except (BadPayload, Refused):
        return


def _or_none(ask: Callable[[], T | None]) -> T | None:
    try:
        return ask()
    except NotFound:
        return None


def read_cache(folder: Path, order: Sequence[Voice] = ORDER) -> Iterator[Record]:
    """The fetched spectra as labelled records, each with its own phase; sorted by id, however they came.

    Parameters
    ----------
    order : sequence of str
        Who is believed first about what an object is.

    Raises
    ------
    FileNotFoundError
        If nothing was fetched there.
    """
    cache = SpectrumCache(folder)
    if not cache.versions:
        raise FileNotFoundError(f"nothing was fetched into {folder}: run `astranet iris fetch` first")
    known = cache.known()
    peaks: dict[str, Peak] = {}
    for raw in sorted(cache.spectra(), key=lambda r: (len(r.spectrum_id), r.spectrum_id)):
        name = raw.target_id or ""
        target, curve = known.get(name, (Target(target_id=name), None))
        if name not in peaks:
            peaks[name] = peak_of(curve)
        yield _record(raw, target, peaks[name], order)


def _record(raw: RawSpectrum, target: Target, peak: Peak, order: Sequence[Voice]) -> Record:
    redshift = redshift_of(raw, target)
    mjd = mjd_of(raw.observed_at)
    phase = phase_of(mjd, peak, redshift.value)
    return Record(
        raw=replace(raw, redshift=redshift.value, phase_days=phase.days),
        group=target.target_id,
        names=tuple(name for name in (target.target_id, target.tns_name) if name),
        label=label_of(target, order),
        redshift_origin=redshift.origin,
        mjd=mjd,
        phase_error_days=phase.error_days,
        phase_reason=phase.reason,
        semi_real=False,
        source=raw.origin or "",
    )


def label_of(target: Target, order: Sequence[Voice] = ORDER) -> Label:
    """What people say an object is: whoever is believed first, without those who were not sure (p_TNS < 0.5)."""
    return settle(target, order=order).label
