"""The dust map: its own numbers, at the right place, for targets that come without any."""

import numpy as np
import pytest
from astropy.io import fits

from models.domain import Evidence, LightCurve, Target
from models.needle import model
from models.needle.images import quality
from models.needle.objects import ObjectAnalyst
from plugin.cycle.objects.part import make_object_analyst
from plugin.settings import ConfigError
from plugin.sources.dust import FILES, DustMapError, dust_map
from tests.plugin.test_settings import load

N = 64


@pytest.fixture
def maps(tmp_path):
    """Both hemispheres in their projection, coarse: 0.1 mag in the north, 0.4 in the south."""
    for name, sign, value in zip(FILES, (1, -1), (0.1, 0.4), strict=True):
        header = fits.Header({"CRPIX1": N / 2 + 0.5, "CRPIX2": N / 2 + 0.5, "LAM_SCAL": N / 2, "LAM_NSGP": sign})
        fits.PrimaryHDU(np.full((N, N), value, np.float32), header).writeto(tmp_path / name)
    return tmp_path


def test_the_map_is_read_as_published(maps) -> None:
    pytest.importorskip("sfdmap2")
    reddening = dust_map(maps)
    assert reddening(192.86, 27.13) == pytest.approx(0.1)  # the galactic poles
    assert reddening(12.86, -27.13) == pytest.approx(0.4)


def test_a_folder_without_the_files_is_named(tmp_path) -> None:
    with pytest.raises(DustMapError, match=r"has no SFD_dust_4096_ngp\.fits and no SFD_dust_4096_sgp\.fits"):
        dust_map(tmp_path)
    with pytest.raises(ConfigError, match="ASTRANET_DUST_MAPS"):
        make_object_analyst(load(DUST_MAPS=str(tmp_path)))


def test_targets_without_reddening_get_the_maps_and_no_caveat() -> None:
    curve = LightCurve(
        mjd=59000.0 + np.arange(6), band=("g", "r") * 3, mag=np.linspace(19, 18, 6), mag_error=np.full(6, 0.05),
        limit_mag=np.full(6, np.nan), is_limit=np.zeros(6),
    )  # fmt: skip
    asked = []

    def reddening(ra: float, dec: float) -> float | None:
        asked.append((ra, dec))
        return 0.12 if dec > 0 else None

    analyst, guessing = (ObjectAnalyst(model.load(), quality.load(), reddening=r) for r in (reddening, None))

    def told(one: ObjectAnalyst, **target: float | None) -> tuple[list[str], dict[str, float], str]:
        evidence = Evidence(target=Target(target_id="a", **target), light_curve=curve, cutouts=(), host=None)
        report = one.run(evidence, one.images(evidence)).report
        assert report.host_verdict is not None
        texts = [c.text for c in report.caveats if "reddening" in c.text]
        return texts, dict(report.host_verdict.probabilities), report.input_hash

    mapped = told(analyst, ra_deg=150.0, dec_deg=20.0)
    assert asked == [(150.0, 20.0)]
    assert mapped[:2] == told(guessing, ra_deg=150.0, dec_deg=20.0, ebv_mag=0.12)[:2]
    assert not mapped[0]
    assert told(guessing, ra_deg=150.0, dec_deg=20.0)[0]
    assert told(analyst, ra_deg=150.0, dec_deg=-20.0)[0]  # the map has no number there: the guess, said
    assert mapped[2] != told(guessing, ra_deg=150.0, dec_deg=20.0)[2]  # so an answer is given anew with the map
    assert (
        told(analyst, ra_deg=150.0, dec_deg=20.0, ebv_mag=0.3)[2]
        == told(guessing, ra_deg=150.0, dec_deg=20.0, ebv_mag=0.3)[2]
    )
    assert len(asked) == 2
