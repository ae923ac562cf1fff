"""The map: where the marshal's answered spectra lie among those of the archive."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response

from models.cards import BundleError
from models.domain import FINE_CLASSES
from models.similar.archive import Archive, load_archive
from models.similar.plane import Plane
from plugin.batch.map import MAP_FILE, alt_of, archive_keys, archive_plane, points_of
from plugin.web.look.map import archive_data, map_svg
from plugin.web.parts import WebParts
from plugin.web.rendering import page

_log = structlog.get_logger("astranet.web")
SHOWN: Final = 1000
"""Of the marshal's spectra, the most recently observed ones: more links are too many for a page."""
LISTED: Final = 30


@dataclass(slots=True)
class Maps:
    """The map in use and the archive, each read when it is first needed and when its file changes."""

    folder: Path
    bundle: Path | None
    _archive: Archive | None = None
    _asked: bool = False
    _stamp: float | None = None
    _plane: Plane | None = None

    def archive(self) -> Archive | None:
        """What the bundle brings; None for one without."""
        if not self._asked:
            try:
                self._archive = load_archive(self.bundle)
            except BundleError as error:
                _log.warning("no archive to draw", reason=str(error))
            self._asked = True
        return self._archive

    def plane(self) -> Plane | None:
        """The map that `astranet map` made for the bundle in use, else a PCA of its archive; None without one."""
        archive, path = self.archive(), self.folder / MAP_FILE
        if archive is None:
            return None
        stamp = path.stat().st_mtime if path.is_file() else 0.0
        if stamp != self._stamp:
            made = self._read(path) if stamp else None
            self._plane = made if made is not None and made.bundle == archive.bundle else archive_plane(archive)
            self._stamp = stamp
        return self._plane

    @staticmethod
    def _read(path: Path) -> Plane | None:
        try:
            return Plane.load(path)
        except ValueError as error:
            _log.warning("the map cannot be read", reason=str(error))
            return None


def page_of(parts: WebParts) -> Callable[[Request], Response]:
    """The page; nothing of it is computed before somebody opens it."""
    maps = Maps(folder=parts.settings.output_dir, bundle=parts.settings.bundle)

    def view(request: Request) -> Response:
        plane, archive = maps.plane(), maps.archive()
        if plane is None or archive is None:
            return page(request, "map.html", plane=None)
        text = request.query_params.get("group", "")
        group = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
        with parts.store.begin(to_read=True) as unit:
            found = unit.vectors.on_map(plane.bundle, SHOWN, group)
            total = unit.vectors.count_on_map(plane.bundle, group)
        points = points_of(plane, found)
        labels, names = archive.analogs.classes, archive.analogs.names
        at = plane.place(archive.analogs.unit, archive_keys(archive))
        picture = map_svg(at, labels, points[::-1], alt=alt_of(plane, len(labels), len(points)))
        counts = {c: (labels.count(c), sum(p.label == c for p in points)) for c in FINE_CLASSES}
        strangest = sorted(zip(found, points, strict=True), key=lambda pair: -(pair[0].anomaly or 0.0))
        return page(
            request,
            "map.html",
            plane=plane,
            picture=picture,
            data=archive_data(at, names, labels),
            counts=counts,
            shown=len(points),
            total=total,
            archived=len(labels),
            group=group,
            groups=parts.settings.group_ids,
            strangest=[(scored, point) for scored, point in strangest[:LISTED]],
        )

    return view
