"""How many requests one look for new spectra costs, as the marshal grows. Run it with: make benchmark."""

from pathlib import Path

import pytest

import plugin
from iris_client.http.pacer import Pacer
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import SpectrumSource
from plugin.sandbox import Sandbox

FILES = Path(plugin.__file__).parent / "sources" / "graphql"
SIZES = (100, 1_000, 10_000)
NEW = (0, 1, 10)


def cycle(source: SpectrumSource, cursor: str, group: int) -> str:
    """One cycle as the service does it: what is new since the cursor, its arrays, its sources; the next cursor."""
    stubs = source.spectra_modified_since(cursor, group_ids=[group])
    fresh = [stub for stub in stubs if stub.modified > cursor]
    for stub in fresh:
        source.spectrum(stub.spectrum_id)
        source.target(stub.target_id)
    return max((stub.modified for stub in stubs), default=cursor)


def costs(kind: str) -> dict[tuple[int, int], int]:
    """Requests of one cycle, by (sources there are, spectra that are new)."""
    found = {}
    with Sandbox(graphql=True) as marshal:
        options = {"pacer": Pacer(1e6, 1000), "timeout_s": 120.0}
        if kind == "rest":
            source: SpectrumSource = SkyPortal(marshal.url, marshal.token, **options)
        else:
            documents = (FILES / "spectra.graphql").read_text()
            fields = FieldMap.from_json((FILES / "fields.json").read_text())
            url = f"{marshal.url}/graphql"
            source = GraphQLSpectra(url, marshal.token, documents=documents, fields=fields, **options)
        for size in SIZES:
            while len(marshal.state.sources) < size:
                _add(marshal)
            cursor = max(s.modified for s in marshal.state.spectra.values()).isoformat()
            for new in NEW:
                for _ in range(new):
                    _add(marshal)
                marshal.forget_requests()
                cursor = cycle(source, cursor, marshal.group_id)
                found[size, new] = len(marshal.requests)
        source.close()
    return found


def _add(marshal: Sandbox) -> None:
    name = marshal.add_source(f"ZTF26a{len(marshal.state.sources):06d}")
    marshal.add_spectrum(name, wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0])


@pytest.mark.benchmark
@pytest.mark.parametrize("kind", ["rest", "graphql"])
def test_requests_grow_with_what_is_new_and_not_with_what_exists(kind, capsys):
    found = costs(kind)
    with capsys.disabled():
        print(f"\nrequests per cycle, {kind}: sources x new spectra")
        for size in SIZES:
            print(f"  {size:>6}  " + "  ".join(f"{new} new: {found[size, new]}" for new in NEW))
    for new in NEW:
        assert len({found[size, new] for size in SIZES[1:]}) == 1
        assert found[SIZES[0], new] <= found[SIZES[1], new] + 1  # the first query may have to send its text too
        assert found[SIZES[2], new] <= 2 + 2 * new
