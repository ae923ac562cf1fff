"""The embedded marshal: start it, fill it, look at what came in."""

import json
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from starlette.applications import Starlette

from plugin.sandbox.brokers.boom import BoomStandIn
from plugin.sandbox.brokers.lasair import LasairStandIn
from plugin.sandbox.faults import Hook
from plugin.sandbox.filling import Filling
from plugin.sandbox.gate import WRITING, Gate, Record
from plugin.sandbox.ratelimit import LeakyBucket
from plugin.sandbox.server import Connections, Served, ServerThread
from plugin.sandbox.skyportal.accounts import MAIN_GROUP
from plugin.sandbox.skyportal.routes.table import routes
from plugin.sandbox.skyportal.rows import Json
from plugin.sandbox.skyportal.state import State

if TYPE_CHECKING:
    from plugin.sandbox.skyportal.graphql_http import GraphQLEndpoint


class Sandbox(Filling, Served):
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
        self.lasair = LasairStandIn(self.state.alerts)
        """Of Lasair, under `/lasair/api`."""
        more = [*self.boom.routes(), *self.lasair.routes(), *(self.graphql.routes() if self.graphql else ())]
        self._gate = Gate(Starlette(routes=routes(self.state, more)), self._connections.abort)
        self._gate.limit = LeakyBucket() if rate_limit else None
        self._gate.hook = faults
        self._port = port

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

    def limit_rate(self, per_second: float, burst: int) -> None:
        """Answer 429 beyond another rate than SkyPortal's, for each token."""
        self._gate.limit = LeakyBucket(per_second, burst)

    def writes(self) -> list[Record]:
        """The calls that write to the marshal: POST, PUT, PATCH, DELETE. Brokers are asked by POST too."""
        return [r for r in self.requests if r.method in WRITING and not r.path.startswith(("/boom/", "/lasair/"))]

    def forget_requests(self) -> None:
        """Start the list of calls anew."""
        self._gate.forget()

    def start(self) -> Self:
        """Serve in the background until `stop`."""
        if self._server is None:
            self._server = ServerThread(self._gate, self._connections, self._port)
            self._server.start()
            self.state.address = self.url
        return self

    def stop(self) -> None:
        """Stop serving; the data stay."""
        self._stop()

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
