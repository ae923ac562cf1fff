"""More like this: the spectra most like one, of the archive and of the marshal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import structlog
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from models.cards import BundleError
from models.similar.archive import Archive, load_archive
from models.similar.shelf import MISSING, POINTS_A, WAYS, Way
from plugin.ops.similar import Like, like_vector
from plugin.store.vectors import Vector
from plugin.web.look.spectrum import overlay
from plugin.web.parts import WebParts
from plugin.web.rendering import page

_log = structlog.get_logger("astranet.web")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class LikeView:
    """One spectrum that is like the one asked about."""

    like: Like
    asked: Vector

    @property
    def picture(self) -> Markup:
        """It, over the one that was asked about."""
        ours, theirs = _line(np.frombuffer(self.asked.shape, np.uint8)), _line(self.like.bytes_of)
        alt = f"Spectrum {self.asked.spectrum_id} in grey, {self.like.name} over it"
        return overlay(*ours, archive=theirs, label=self.like.label, alt=alt)

    @property
    def words(self) -> str:
        """Class, phase and redshift, as far as they are known."""
        phase, z = self.like.phase_days, self.like.redshift
        parts = [self.like.label if not self.like.is_ours else f"{self.like.label} by our answer"]
        parts += [] if phase is None else [f"{phase:+.0f} d from maximum"]
        return ", ".join(parts + ([] if z is None else [f"z = {z:.3f}"]))


def page_of(parts: WebParts) -> Callable[[Request], Response]:
    """The page; nothing of it is computed before somebody opens it."""

    @cache
    def archive() -> Archive | None:
        return _archive(parts.settings.bundle)

    def view(request: Request) -> Response:
        spectrum = request.path_params["spectrum"]
        way: Way = next((w for w in WAYS if w == request.query_params.get("way")), "both")
        with parts.store.begin(to_read=True) as unit:
            kept = next((v for v in unit.vectors.of(spectrum) if v.spectrum_id == spectrum), None)
            if kept is None:
                return page(request, "unknown.html", 404, name=f"spectrum {spectrum}")
            found = like_vector(unit, kept, archive(), k=_SHOWN, way=way)
        views = [LikeView(like, kept) for like in found]
        return page(
            request, "similar.html", asked=kept, views=views, way=way, ways=WAYS, has_archive=archive() is not None
        )

    return view


def _archive(folder: Path | None) -> Archive | None:
    try:
        return load_archive(folder)
    except BundleError as error:
        _log.warning("no archive to compare with", reason=str(error))
        return None


def _line(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = codes != MISSING
    return POINTS_A[known], codes[known] / 254
