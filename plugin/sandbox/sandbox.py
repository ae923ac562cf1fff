"""The embedded marshal: start it, fill it, look at what came in."""

import json
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from starlette.applications import Starlette

from plugin.sandbox.brokers.boom import BoomStandIn
from plugin.sandbox.faults import Hook
from plugin.sandbox.gate import WRITING, Gate, Record
from plugin.sandbox.ratelimit import LeakyBucket
from plugin.sandbox.server import LOOPBACK, Connections, ServerThread
from plugin.sandbox.skyportal.accounts import MAIN_GROUP
from plugin.sandbox.skyportal.api import parse_date
from plugin.sandbox.skyportal.routes.photometry import flux_of
from plugin.sandbox.skyportal.routes.table import routes
from plugin.sandbox.skyportal.rows import Candidate, Classification, Json, Photometry, Spectrum
from plugin.sandbox.skyportal.state import State
from plugin.sandbox.skyportal.taxonomy import TAXONOMY_ID

if TYPE_CHECKING:
    from plugin.sandbox.skyportal.graphql_http import GraphQLEndpoint


class Sandbox:
    """A SkyPortal stand-in on loopback with its own data.

        with Sandbox() as marshal:
            marshal.add_source("ZTF26aaaaaaa")
            marshal.add_spectrum("ZTF26aaaaaaa", wavelengths=[...], fluxes=[...])
            ...  # talk to marshal.url with marshal.token

    It may be filled before and while it serves.

    Parameters
    ----------
    port : int
        0 picks a free one.
    rate_limit : bool
        Whether to answer 429 beyond 5 requests per second and token (bursts of 10).
    faults : callable, optional
        From `Seen` to a `Fault` or None, for every call; see `FaultPlan`.
    graphql : bool
        Whether to serve the spectra at `/graphql` too. A real SkyPortal does not, so it must be asked for.
    """

    def __init__(
        self, *, port: int = 0, rate_limit: bool = False, faults: Hook | None = None, graphql: bool = False
    ) -> None:
        self.state = State()
        self.truths: dict[str, str] = {}
        """The class each spectrum really has, by spectrum id; what nobody knows is absent."""
        self.kinds: dict[str, str] = {}
        """What a spectrum was made to be (`SN Ia/max`, `blazar`...), by spectrum id."""
        self.object_truths: dict[str, str] = {}
        """What each source really is for NEEDLE (SN, SLSN-I, TDE), where it is known."""
        self._connections = Connections()
        self.boom = BoomStandIn(self.state.alerts)
        """Of the broker itself, under `/boom`."""
        self.graphql = _graphql(self.state) if graphql else None
        """The endpoint at `/graphql`, if there is one."""
        more = [*self.boom.routes(), *(self.graphql.routes() if self.graphql else ())]
        self._gate = Gate(Starlette(routes=routes(self.state, more)), self._connections.abort)
        self._gate.limit = LeakyBucket() if rate_limit else None
        self._gate.hook = faults
        self._port = port
        self._server: ServerThread | None = None

    @property
    def url(self) -> str:
        """Where it listens.

        Raises
        ------
        RuntimeError
            If it does not.
        """
        if self._server is None:
            raise RuntimeError("the sandbox is not running; use it as a context manager or call start()")
        return f"http://{LOOPBACK}:{self._server.port}"

    @property
    def token(self) -> str:
        """The annotator's token, new with every sandbox."""
        return self.tokens["bot"]

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens of all accounts: admin, bot, other, readonly."""
        return {u.username.rpartition("-")[2]: u.token for u in self.state.users.values()}

    @property
    def group_id(self) -> int:
        """The group in which everything is, unless said otherwise; the annotator's account is in it."""
        return MAIN_GROUP

    @property
    def requests(self) -> list[Record]:
        """Every call so far as (method, path, status); status 0 where a fault left the client without an answer."""
        return self._gate.records

    @property
    def faults(self) -> Hook | None:
        """What brings faults about; may be changed while it serves."""
        return self._gate.hook

    @faults.setter
    def faults(self, hook: Hook | None) -> None:
        self._gate.hook = hook

    def writes(self) -> list[Record]:
        """The calls that write to the marshal: POST, PUT, PATCH, DELETE. BOOM is asked by POST and never written to."""
        return [r for r in self.requests if r.method in WRITING and not r.path.startswith("/boom/")]

    def forget_requests(self) -> None:
        """Start the list of calls anew."""
        self._gate.forget()

    def start(self) -> Self:
        """Serve in the background until `stop`."""
        if self._server is None:
            self._server = ServerThread(self._gate, self._connections, self._port)
            self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving; the data stay."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @classmethod
    def simulated(cls, n_sources: int = 40, seed: int = 0, candidates: int = 0, **options: Any) -> Self:
        """Make a sandbox full of simulated sources, see `plugin.sandbox.load.load_simulated`; not yet serving."""
        from plugin.sandbox.load import load_simulated

        sandbox = cls(**options)
        load_simulated(sandbox, n_sources=n_sources, seed=seed, candidates=candidates)
        return sandbox

    @classmethod
    def from_parquet(cls, path: Path, limit: int | None = None, **options: Any) -> Self:
        """Make a sandbox full of real spectra, see `plugin.sandbox.load.load_parquet`; not yet serving."""
        from plugin.sandbox.load import load_parquet

        sandbox = cls(**options)
        load_parquet(sandbox, path, limit=limit)
        return sandbox

    def wait(self) -> None:
        """Block until Ctrl-C."""
        threading.Event().wait()

    def serve_forever(self) -> None:
        """Serve until Ctrl-C."""
        with self:
            self.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

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

    def delete_spectrum(self, spectrum_id: int) -> None:
        """Take a spectrum away."""
        with self.state.lock:
            del self.state.spectra[spectrum_id]

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

    def annotations(self) -> list[Json]:
        """Every annotation, whoever may see it: kind of place, its id, origin, data, author, groups."""
        with self.state.lock:
            return [
                {
                    "kind": "source" if a.spectrum_id is None else "spectrum",
                    "place": a.obj_id if a.spectrum_id is None else str(a.spectrum_id),
                    "id": a.id,
                    "origin": a.origin,
                    "data": dict(a.data),
                    "author": self.state.users[a.author_id].username,
                    "group_ids": sorted(a.group_ids),
                    "modified": a.modified.isoformat(),
                }
                for a in self.state.annotations
            ]

    def dump(self, path: Path) -> None:
        """Write what the annotator left here as JSON: annotations, comments, classifications. No token is in it."""
        with self.state.lock:
            comments = [{"place": c.spectrum_id or c.obj_id, "text": c.text} for c in self.state.comments]
            classes = [
                {"source": c.obj_id, "class": c.classification, "probability": c.probability, "ml": c.ml}
                for c in self.state.classifications.values()
            ]
        found = {"annotations": self.annotations(), "comments": comments, "classifications": classes}
        path.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _graphql(state: State) -> "GraphQLEndpoint":
    from plugin.sandbox.skyportal.graphql_http import GraphQLEndpoint  # loads strawberry, which the rest does not need

    return GraphQLEndpoint(state)


def _cells(values: Sequence[Any]) -> list[Any]:
    """JSON cells: numbers as they are, NaN and infinity as None, anything else untouched."""
    plain = values.tolist() if hasattr(values, "tolist") else list(values)
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in plain]
