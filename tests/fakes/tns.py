"""What the tests of the TNS share: a clock that only sleeping moves, and a night of sources."""

import numpy as np

from iris_client.tns.mirror import TnsObject
from models.domain import Target


class Seconds:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def night(n: int = 500, known: int = 120, seed: int = 0) -> tuple[list[Target], list[TnsObject]]:
    """`n` targets over the sky, poles and the zero of right ascension included; the TNS knows some, and others."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[:4], dec[:4] = (0.0001, 359.9999, 12.0, 200.0)[:n], (10.0, -5.0, 89.9999, -89.9995)[:n]
    targets = [Target(target_id=f"ZTF26a{i:05d}", ra_deg=ra[i], dec_deg=dec[i]) for i in range(n)]
    objects = [
        TnsObject(
            objid=1000 + i,
            prefix="SN" if i % 2 else "AT",
            name=f"2026a{i:04d}",
            ra_deg=float(ra[i] + 0.0003 / max(np.cos(np.radians(dec[i])), 1e-3)) % 360.0,
            dec_deg=float(np.clip(dec[i] - 0.0003, -90, 90)),
            type="SN Ia" if i % 2 else None,
            internal_names=(f"ZTF26a{i:05d}",) if i % 3 else (),
            modified="2026-11-20 10:00:00",
        )
        for i in range(known)
    ]
    others = zip(rng.uniform(0, 360, 300), rng.uniform(-80, 80, 300), strict=True)
    objects += [
        TnsObject(objid=9000 + i, prefix="AT", name=f"2025z{i}", ra_deg=r, dec_deg=d) for i, (r, d) in enumerate(others)
    ]
    return targets, objects


def expected(known: int = 120) -> dict[str, str]:
    """The names of that night, by source."""
    return {f"ZTF26a{i:05d}": f"{'SN' if i % 2 else 'AT'} 2026a{i:04d}" for i in range(known)}
