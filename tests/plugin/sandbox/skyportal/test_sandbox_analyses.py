"""The sandbox's analyses against what a real SkyPortal answered, and what it sent to the service."""

import ast
import csv
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugin.sandbox import Sandbox
from tests.plugin.sandbox.skyportal.test_sandbox_contract import _fill, differences, names

DATA = os.environ.get("ASTRANET_DATA_DIR")
pytestmark = pytest.mark.skipif(not DATA, reason="needs ASTRANET_DATA_DIR with the recorded exchanges of SkyPortal")

ORDER = names(
    """
    analysis_service_post_denied analysis_service_post analysis_service_get analysis_service_upload_only_post
    analysis_start analysis_get_pending analysis_start_bad_param analysis_webhook_bad_token analysis_webhook_post
    analysis_webhook_post_again analysis_get_completed analysis_list analysis_results analysis_plot analysis_upload
    """
)
PNG = "iVBORw0KGgo="


class Listener:
    """A service that says 200 to everything and keeps what it was sent."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                said = b'{"status": "pending", "message": "applecider: analysis started"}'
                self.send_response(200)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/analysis/applecider"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def until_pending(sandbox: Sandbox, number: int = 1) -> None:
    end = time.monotonic() + 10
    while sandbox.state.analyses[number].status == "queued":
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(scope="module")
def exchanges() -> dict[str, dict[str, Any]]:
    folder = Path(DATA or "") / "skyportal" / "responses"
    return {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("analysis_*.json"))}


@pytest.fixture(scope="module")
def played(exchanges: dict[str, dict[str, Any]]) -> Iterator[tuple[dict[str, httpx.Response], Listener]]:
    listener = Listener()
    with Sandbox() as sandbox, httpx.Client(base_url=sandbox.url, timeout=5.0) as client:
        _fill(sandbox)
        known: dict[str, httpx.Response] = {}
        for name in ORDER:
            asked = exchanges[name]["request"]
            body, path = asked["json"], asked["path"]
            headers = {"Authorization": f"token {sandbox.tokens[asked['as']]}"} if asked["as"] else {}
            if isinstance(body, dict):
                body = json.loads(json.dumps(body))
                if "url" in body:
                    body["url"] = listener.url
                for plot in body.get("analysis", {}).get("plots", ()):
                    plot["data"] = PNG
            if "<WEBHOOK_UUID4>" in path and name != "analysis_webhook_bad_token":
                path = path.replace("<WEBHOOK_UUID4>", sandbox.state.analyses[1].token)
            if name == "analysis_get_pending":
                until_pending(sandbox)
            request = client.build_request(asked["method"], path, params=asked["params"], headers=headers, json=body)
            known[name] = client.send(request)
        yield known, listener
    listener.close()


@pytest.mark.parametrize("name", ORDER)
def test_replay(name, exchanges, played):
    recorded, got = exchanges[name], played[0][name]
    assert got.status_code == recorded["status_code"], got.text[:300]
    assert got.headers["content-type"] == recorded["content_type"]
    if recorded["response"].get("_not_json"):
        assert got.content.startswith(b"\x89PNG")
        return
    assert differences(recorded["response"], got.json()) == []
    if got.status_code >= 400:
        assert got.json()["message"] == recorded["response"]["message"]


def test_what_the_service_is_sent(exchanges, played):
    recorded = exchanges["analysis_service_incoming_payload"]
    ((path, headers, sent),) = played[1].calls
    assert path == recorded["path"]
    assert headers["authorization"] == recorded["headers"]["Authorization"]
    assert "gzip" not in headers.get("content-encoding", "")
    assert differences(recorded["json"], sent) == []
    assert set(sent["inputs"]) == set(recorded["json"]["inputs"])
    for name in ("photometry", "spectra", "redshift"):
        theirs, ours = (list(csv.reader(io.StringIO(one["inputs"][name]))) for one in (recorded["json"], sent))
        assert ours[0] == theirs[0], name
        assert [cell == "" for cell in ours[1]] == [cell == "" for cell in theirs[1]], name
    (row, *_) = csv.DictReader(io.StringIO(sent["inputs"]["spectra"]))
    assert len(ast.literal_eval(row["wavelengths"])) == 220
    assert row["observed_at"] == "2026-06-10 07:12:00"


def test_a_hook_whose_time_is_over():
    listener = Listener()
    with Sandbox() as sandbox, httpx.Client(base_url=sandbox.url, timeout=5.0) as client:
        _fill(sandbox)
        admin = {"Authorization": f"token {sandbox.tokens['admin']}"}
        service = {"name": "x", "url": listener.url, "authentication_type": "none", "analysis_type": "meta_analysis"}
        client.post("/api/analysis_service", json={**service, "input_data_types": [], "timeout": 10}, headers=admin)
        assert client.post("/api/obj/ZTF26aaapple/analysis/1", json={}, headers=admin).status_code == 200
        until_pending(sandbox)
        analysis = sandbox.state.analyses[1]
        analysis.invalid_after -= timedelta(seconds=20)
        hook = f"/api/webhook/obj_analysis/{analysis.token}"
        late = client.post(hook, json={"status": "success"})
        assert (late.status_code, late.json()["message"]) == (400, "Token has expired")
        again = client.post(hook, json={"status": "success"})
        assert again.status_code == 403
        assert "status='timed_out'" in again.json()["message"]
    listener.close()
