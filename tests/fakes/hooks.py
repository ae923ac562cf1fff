"""Web hooks in memory, each good for one answer as the marshal's are; in a file where they must outlive somebody."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from iris_client.errors import UpstreamError


class FakeHooks:
    """Fulfils `plugin.cycle.analyses.carrier.Hooks`.

    Parameters
    ----------
    path : Path, optional
        Where answers are kept.
    trouble : callable, optional
        From the hook to an error to raise, or None.
    """

    def __init__(self, path: Path | None = None, trouble: Callable[[str], UpstreamError | None] | None = None) -> None:
        self._path, self.trouble = path, trouble or (lambda _hook: None)
        self.answers: dict[str, dict[str, Any]] = {}
        self.refused = 0
        if path is not None and path.exists():
            self.answers = json.loads(path.read_text())

    def answer(self, url: str, body: Mapping[str, Any]) -> None:
        error = self.trouble(url)
        if error is not None:
            raise error
        if url in self.answers:
            self.refused += 1
            return  # "already updated": the first answer stays
        self.answers[url] = json.loads(json.dumps(body))
        if self._path is not None:
            self._path.write_text(json.dumps(self.answers))
