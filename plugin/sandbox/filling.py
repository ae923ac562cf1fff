"""Putting things into the sandbox: sources, spectra, photometry, alerts, what people said."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from plugin.sandbox.skyportal.accounts import MAIN_GROUP
from plugin.sandbox.skyportal.api import parse_date
from plugin.sandbox.skyportal.routes.photometry import flux_of
from plugin.sandbox.skyportal.rows import Candidate, Classification, Photometry, Spectrum
from plugin.sandbox.skyportal.state import State
from plugin.sandbox.skyportal.taxonomy import TAXONOMY_ID


class Filling:
    """The part of `Sandbox` that fills it, whether it serves or not."""

    state: State
    truths: dict[str, str]

    def add_source(
        self,
        source_id: str,
        *,
        ra: float = 150.0,
        dec: float = 20.0,
        redshift: float | None = None,
        group_ids: Iterable[int] = (MAIN_GROUP,),
        user: str = "admin",
        **columns: Any,
    ) -> str:
        """Make a source and save it to groups; `columns` are others of the table, such as `tns_name`."""
        self.state.save_source(
            source_id,
            ra=ra,
            dec=dec,
            user=self.state.user_named(user),
            group_ids=set(group_ids),
            redshift=redshift,
            **columns,
        )
        return source_id

    def add_spectrum(
        self,
        source_id: str,
        *,
        wavelengths: Sequence[Any],
        fluxes: Sequence[Any],
        errors: Sequence[Any] | None = None,
        units: str | None = None,
        kind: str = "source",
        observed_at: str | datetime = "2026-11-20T05:00:00",
        origin: str | None = None,
        label: str | None = None,
        altdata: Mapping[str, Any] | None = None,
        instrument_id: int = 2,
        group_ids: Iterable[int] = (MAIN_GROUP,),
        user: str = "admin",
        truth: str | None = None,
    ) -> int:
        """Store a spectrum without any check, so that every kind of bad one can be tried; returns its id.

        NaN and infinity come out as null, as they do from the real server. `kind` is SkyPortal's `type`.
        """
        owner = self.state.user_named(user)
        with self.state.lock:
            now = self.state.stamp()
            spectrum = Spectrum(
                id=self.state.next_id("spectra"),
                obj_id=source_id,
                observed_at=observed_at if isinstance(observed_at, datetime) else parse_date(observed_at),
                wavelengths=_cells(wavelengths),
                fluxes=_cells(fluxes),
                errors=None if errors is None else _cells(errors),
                units=units,
                origin=origin,
                type=kind,
                label=label,
                instrument_id=instrument_id,
                altdata=None if altdata is None else dict(altdata),
                owner_id=owner.id,
                group_ids={*group_ids, owner.own_group},
                created_at=now,
                modified=now,
            )
            self.state.spectra[spectrum.id] = spectrum
        if truth is not None:
            self.truths[str(spectrum.id)] = truth
        return spectrum.id

    def edit_spectrum(self, spectrum_id: int, **columns: Any) -> None:
        """Change a spectrum as its owner would with PUT: `modified` moves."""
        with self.state.lock:
            spectrum = self.state.spectra[spectrum_id]
            for name, value in columns.items():
                setattr(spectrum, name, value)
            spectrum.modified = self.state.stamp()

    def share_spectrum(self, spectrum_id: int, group_ids: Iterable[int]) -> None:
        """Let more groups see a spectrum: `modified` does not move."""
        with self.state.lock:
            self.state.spectra[spectrum_id].group_ids |= set(group_ids)

    def set_redshift(self, source_id: str, redshift: float | None) -> None:
        """Give a source another redshift, as a person would with PATCH: the `modified` of its row moves."""
        with self.state.lock:
            self.state.set_columns(source_id, self.state.user_named("admin"), redshift=redshift)

    def save_source(self, source_id: str, group_ids: Iterable[int], user: str = "admin") -> None:
        """Save a source to more groups: the `modified` of its row does not move."""
        with self.state.lock:
            source = self.state.sources[source_id]
            who = self.state.user_named(user)
            self.state.save_source(source_id, ra=source.ra, dec=source.dec, user=who, group_ids=set(group_ids))

    def delete_spectrum(self, spectrum_id: int) -> None:
        """Take a spectrum away."""
        self.state.remove_spectrum(spectrum_id)

    def add_photometry(
        self,
        source_id: str,
        *,
        mjd: float,
        band: str = "ztfg",
        mag: float | None = None,
        magerr: float | None = None,
        limiting_mag: float = 20.5,
        user: str = "admin",
    ) -> int:
        """Add one point, AB magnitudes; without `mag` a non-detection."""
        owner = self.state.user_named(user)
        flux, error = flux_of(mag, magerr, limiting_mag)
        with self.state.lock:
            point = Photometry(
                id=self.state.next_id("photometry"),
                obj_id=source_id,
                filter=band,
                mjd=mjd,
                flux=flux,
                fluxerr=error,
                limiting_mag=limiting_mag,
                instrument_id=1,
                origin="None",
                owner_id=owner.id,
                group_ids={MAIN_GROUP, owner.own_group},
                created_at=self.state.stamp(),
            )
            self.state.photometry[point.id] = point
        return point.id

    def add_alert(self, packet: Mapping[str, Any]) -> int:
        """Let the broker know an alert packet, as `plugin.sandbox.brokers.alerts.invented` makes; gives its candid."""
        with self.state.lock:
            return self.state.alerts.add(packet)

    def add_candidate(
        self, source_id: str, *, group_ids: Iterable[int] = (MAIN_GROUP,), passed_at: datetime | None = None
    ) -> None:
        """Let an alert of an object have passed a filter of some groups, now unless said otherwise.

        An object that nobody has saved must have been made before: `add_source` with no groups does it.
        """
        with self.state.lock:
            when = passed_at or self.state.stamp()
            self.state.candidates.append(Candidate(obj_id=source_id, group_ids=set(group_ids), passed_at=when))

    def load_alerts(self, folder: Path) -> int:
        """Let the broker know every alert in a folder of Avro files; returns how many."""
        with self.state.lock:
            return self.state.alerts.load(folder)

    def follow_alerts(self, *, saved: bool = False) -> list[str]:
        """Make every object of the broker's a candidate of the main group, or save it there; returns their names."""
        with self.state.lock:
            places = {row["objectId"]: row["candidate"] for row in self.state.alerts.rows.values()}
        for name, place in sorted(places.items()):
            if name not in self.state.sources:
                groups = (MAIN_GROUP,) if saved else ()
                self.add_source(name, ra=place.get("ra", 0.0), dec=place.get("dec", 0.0), group_ids=groups)
            if not saved:
                self.add_candidate(name)
        return sorted(places)

    def add_classification(
        self, source_id: str, label: str, *, probability: float | None = None, ml: bool = False, user: str = "admin"
    ) -> int:
        """Classify a source, as a person unless `ml`."""
        with self.state.lock:
            now = self.state.stamp()
            row = Classification(
                id=self.state.next_id("classifications"),
                obj_id=source_id,
                classification=label,
                taxonomy_id=TAXONOMY_ID,
                author_id=self.state.user_named(user).id,
                group_ids={MAIN_GROUP},
                created_at=now,
                modified=now,
                probability=probability,
                ml=ml,
            )
            self.state.classifications[row.id] = row
        return row.id


def _cells(values: Sequence[Any]) -> list[Any]:
    """JSON cells: numbers as they are, NaN and infinity as None, anything else untouched."""
    plain = values.tolist() if hasattr(values, "tolist") else list(values)
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in plain]
