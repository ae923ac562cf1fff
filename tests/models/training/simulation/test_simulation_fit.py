"""Learning the summary: components of incomplete data, the grid, and what is left out."""

from pathlib import Path

import numpy as np
import pytest

from models.simulation.grid import COLUMNS, normalised, rest_grid, to_rest
from models.simulation.instrument import PIXELS_A, degrade, observe
from models.simulation.summary import load, save
from models.training.simulation import fit as fitting
from models.training.simulation.fit import POPULATIONS, Sample, fit
from models.training.simulation.pca import principal_components


def test_components_are_found_in_spite_of_gaps() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 200)
    basis = np.array([np.sin(2 * np.pi * x), np.cos(5 * np.pi * x)])
    rows = 1.0 + rng.normal(size=(60, 2)) @ basis
    holed = rows.copy()
    for i, row in enumerate(holed):
        row[: rng.integers(0, 60)] = np.nan
        if i % 2:
            row[200 - i % 50 :] = np.nan
    found = principal_components(holed, 2)
    rebuilt = found.mean + found.coefficients @ found.vectors
    known = np.isfinite(found.mean)
    assert known[30:].all()
    error = (rebuilt - rows)[:, known]
    assert np.sqrt(np.mean(error**2)) < 0.05 * rows.std()
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(2), atol=1e-8)


def test_columns_that_few_spectra_cover_are_unknown() -> None:
    rows = np.random.default_rng(0).normal(1.0, 0.1, size=(20, 30))
    rows[3:, 25:] = np.nan
    found = principal_components(rows, 3)
    assert np.isnan(found.mean[25:]).all()
    assert (found.vectors[:, 25:] == 0).all()
    with pytest.raises(ValueError, match="cannot give"):
        principal_components(rows[:3], 3)


def test_lines_land_on_their_rest_wavelength() -> None:
    wavelength = np.arange(3800.0, 9000.0, 2.0)
    flux = 1.0 + 5.0 * np.exp(-0.5 * ((wavelength - 6563.0 * 1.1) / 15.0) ** 2)
    row = to_rest(wavelength, flux, 0.1)
    assert row.shape == (COLUMNS,)
    assert abs(rest_grid()[np.nanargmax(row)] - 6563.0) < 16
    assert np.isnan(row[0])
    assert np.isnan(row[-1])


def test_normalisation_needs_the_window() -> None:
    grid = rest_grid()
    row = np.where(grid > 5800, 2.0, np.nan)
    assert normalised(row) is None
    assert normalised(np.full(COLUMNS, -1.0)) is None
    np.testing.assert_allclose(normalised(np.full(COLUMNS, 7.0)), 1.0)  # type: ignore[arg-type]


def test_resolution_widens_a_narrow_line() -> None:
    wavelength = np.geomspace(3500.0, 9700.0, 8000)
    line = np.exp(-0.5 * ((wavelength - 6500.0) / 2.0) ** 2)
    seen = observe(wavelength, line)
    above = PIXELS_A[seen > 0.5 * np.nanmax(seen)]
    assert 40 < np.ptp(above) + 24.66 < 120
    assert np.isnan(observe(wavelength[wavelength < 7000], line[wavelength < 7000])[PIXELS_A > 7100]).all()


def test_noise_is_as_asked() -> None:
    flux = np.ones(PIXELS_A.size)
    residuals = [(degrade(flux, 10.0, np.random.default_rng(seed))[0] - 1.0)[60:160] for seed in range(60)]
    assert 0.08 < np.std([r - r.mean() for r in residuals]) < 0.14


def _samples(rng: np.random.Generator, label: str, n: int, **more: object) -> list[Sample]:
    wavelength = np.arange(3300.0, 9900.0, 10.0)
    shape = 1.0 + 0.3 * np.sin(wavelength / 700.0)
    return [
        Sample(
            wavelength_A=wavelength,
            flux=shape * (wavelength / 6000.0) ** rng.normal(0, 0.5) + 0.02 * rng.normal(size=wavelength.size),
            label=label,
            redshift=float(rng.uniform(0.0, 0.05)),
            group=f"{label}-{i}",
            snr=20.0,
            **more,  # type: ignore[arg-type]
        )
        for i in range(n)
    ]


def test_fit_save_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    monkeypatch.setattr(fitting, "POPULATIONS", {k: POPULATIONS[k] for k in ("SN Ia/max", "TDE")})
    samples = _samples(rng, "SN Ia", 30, phase_days=0.0) + _samples(rng, "TDE", 25)
    made = fit(samples, {"who": "test"})
    save(made, tmp_path / "s.safetensors")
    back = load(tmp_path / "s.safetensors")
    assert back.provenance == {"who": "test"}
    assert back.populations["SN Ia/max"].objects > 20
    assert np.isnan(back.populations["TDE"].phase_days).all()
    np.testing.assert_allclose(back.populations["TDE"].mean, made.populations["TDE"].mean, rtol=2e-3)


def test_too_few_spectra_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "POPULATIONS", {"TDE": POPULATIONS["TDE"]})
    with pytest.raises(ValueError, match="TDE: 5 usable"):
        fit(_samples(np.random.default_rng(0), "TDE", 5), {})


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(2, dtype=np.float16)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not a simulator summary"):
        load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("name", "raw_type", "phase", "belongs"),
    [
        ("SN II/plateau", "SN IIP", None, True),
        ("SN II/plateau", "SN IIn", 40.0, False),
        ("SN II/plateau", "SN II", None, False),
        ("SN II/IIb", "SN IIb", 200.0, False),
        ("SN Ibc/Ib", "SN Ibn", None, False),
        ("SN Ibc/Ic", "SN Ic-BL", 3.0, True),
        ("SLSN/I", "SLSN-II", 0.0, False),
        ("SLSN/I", "SLSN-I", None, True),
    ],
)
def test_which_population(name: str, raw_type: str, phase: float | None, belongs: bool) -> None:
    label, test = POPULATIONS[name]
    sample = _samples(np.random.default_rng(0), label, 1, raw_type=raw_type, phase_days=phase)[0]
    assert test(sample) is belongs
