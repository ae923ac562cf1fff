"""Spectra that somebody brought to rest are found by their lines; all others are left alone."""

import numpy as np
import pytest

from iris_client.quality.control import examine
from iris_client.quality.phase import Redshift
from iris_client.taxonomy.names import translate
from models.domain import CaveatCode, RawSpectrum

WAVE = np.linspace(3600.0, 9300.0, 2000)
LINES = ((4861.3, 2.0), (4958.9, 2.0), (5006.8, 6.0), (6562.8, 5.0))


def galaxy(*, lines_at: float, redshift: float | None) -> RawSpectrum:
    rng = np.random.default_rng(1)
    flux = 1.0 + 0.2 * (WAVE - 6000) / 3000 + rng.normal(0, 0.03, WAVE.size)
    for line, height in LINES:
        flux += height * np.exp(-(((WAVE - line * (1 + lines_at)) / 6.0) ** 2))
    return RawSpectrum(spectrum_id="1", wavelengths=WAVE, fluxes=flux, redshift=redshift)


def code(raw: RawSpectrum) -> str | None:
    found = examine(raw)
    return next((str(c.code) for c in found.caveats if c.refuses), None)


def test_lines_at_rest_despite_a_redshift_are_refused_with_the_reason():
    found = examine(galaxy(lines_at=0.0, redshift=0.08))
    assert [c.code for c in found.caveats if c.refuses] == [CaveatCode.REST_FRAME]
    assert "0.08" in (found.reason or "")


def test_the_redshift_of_the_object_will_do_and_its_origin_is_named():
    raw = galaxy(lines_at=0.0, redshift=None)
    found = examine(raw, redshift=Redshift(value=0.08, origin="target (host)"))
    assert [c.code for c in found.caveats if c.refuses] == [CaveatCode.REST_FRAME]
    assert "redshift of the target (host) is 0.08" in (found.reason or "")


def test_the_redshift_of_the_spectrum_goes_before_that_of_the_object():
    raw = galaxy(lines_at=0.05, redshift=0.05)
    assert examine(raw, redshift=Redshift(value=0.2, origin="target")).reason is None


@pytest.mark.parametrize("value", [None, float("nan"), -5.0, 99.0])
def test_a_redshift_of_the_object_that_cannot_be_right_is_no_reason(value):
    found = examine(galaxy(lines_at=0.0, redshift=None), redshift=Redshift(value=value, origin="target"))
    assert found.reason is None
    assert found.spectrum is not None


def test_the_redshift_of_the_object_goes_into_no_spectrum():
    found = examine(galaxy(lines_at=0.08, redshift=None), redshift=Redshift(value=0.08, origin="target"))
    assert found.spectrum is not None
    assert found.spectrum.redshift is None


@pytest.mark.parametrize(
    ("lines_at", "redshift"), [(0.08, 0.08), (0.0, 0.0), (0.0, 0.004), (0.0, None), (0.0, float("nan")), (0.05, 0.08)]
)
def test_everything_else_passes(lines_at, redshift):
    assert code(galaxy(lines_at=lines_at, redshift=redshift)) is None


def test_balmer_lines_alone_prove_nothing():
    """A cataclysmic variable of our own Galaxy to which somebody gave a redshift keeps its class."""
    raw = galaxy(lines_at=0.0, redshift=0.08)
    flux = np.array(raw.fluxes)
    flux[np.abs(WAVE - 4983) < 60] = 0.95 + np.random.default_rng(2).normal(
        0, 0.03, int((np.abs(WAVE - 4983) < 60).sum())
    )
    assert code(RawSpectrum(spectrum_id="1", wavelengths=WAVE, fluxes=flux, redshift=0.08)) is None


TNS_TYPES = """Other;SN;SN I;SN Ia;SN Ib;SN Ic;SN Ib/c;SN Ic-BL;SN Ibn;SN II;SN IIP;SN IIL;SN IIn;SN IIb;SN I-faint;
SN I-rapid;SLSN-I;SLSN-II;SLSN-R;Afterglow;LBV;ILRT;Nova;CV;Varstar;AGN;Galaxy;QSO;Blazar;Light-Echo;Std-spec;Gap;Gap I;
Gap II;LRN;FBOT;Kilonova;Impostor-SN;SN Ia-pec;SN Ia-SC;SN Ia-91bg-like;SN Ia-91T-like;SN Iax[02cx-like];SN Ia-CSM;
SN Ib-pec;SN Ic-pec;SN Icn;SN Ibn/Icn;SN II-pec;SN IIn-pec;SN Ien;SN Ib-Ca-rich;SN Ib/c-Ca-rich;SN Ic-Ca-rich;
SN Ia-Ca-rich;TDE;TDE-H;TDE-He;TDE-H-He;TDE-featureless;FRB;WD;WR;WR-WN;WR-WC;WR-WO;M dwarf;NA/Unknown;Computed-Ia;
Computed-PISN"""


@pytest.mark.parametrize("raw", [name.strip() for name in TNS_TYPES.split(";")])
def test_every_type_of_the_tns_is_known(raw):
    assert translate(raw).status != "unknown"
