"""The shipped simulator: what it draws looks like what it claims, is labelled as simulated, and comes back the same."""

import json
from importlib import resources

import numpy as np
import pytest
from safetensors import safe_open

from models.domain import FINE_CLASSES
from models.simulation import SimulatedSpectrum, Summary, draw, draw_again, load
from models.simulation.draw import SHARES
from models.simulation.instrument import PIXELS_A


@pytest.fixture(scope="module")
def summary() -> Summary:
    return load()


def fluxes(drawn: SimulatedSpectrum) -> np.ndarray:
    return np.asarray(drawn.raw.fluxes, dtype=float)


def rest(drawn: SimulatedSpectrum) -> np.ndarray:
    return np.asarray(drawn.raw.wavelengths, dtype=float) / (1 + (drawn.redshift or 0.0))


def level(drawn: SimulatedSpectrum, low: float, high: float) -> float:
    """Median flux between two rest wavelengths, Angstrom."""
    wavelength = rest(drawn)
    return float(np.median(fluxes(drawn)[(wavelength > low) & (wavelength < high)]))


def many(summary: Summary, kind: str, n: int = 40) -> list[SimulatedSpectrum]:
    return draw(n, 11, summary=summary, shares={kind: 1.0})


def test_file_is_small_and_holds_no_code() -> None:
    with resources.as_file(resources.files("models").joinpath("data", "simulator.safetensors")) as path:
        assert path.stat().st_size <= 400_000
        with safe_open(str(path), framework="np") as file:
            header = json.loads(file.metadata()["simulator"])
            kinds = {str(file.get_tensor(key).dtype) for key in file.keys()}  # noqa: SIM118 - not a mapping
    assert kinds == {"float16"}
    assert "train split" in header["provenance"]["rows"]
    assert "semi-real" in header["provenance"]["CV"]


def test_every_class_has_a_population_and_only_cv_is_semi_real(summary: Summary) -> None:
    assert {p.label for p in summary.populations.values()} == set(FINE_CLASSES)
    assert set(SHARES) == set(summary.populations)
    for population in summary.populations.values():
        assert population.semi_real == (population.label == "CV")
        assert len(population.coefficients) == len(population.redshift) == len(population.phase_days)


def test_same_seed_same_spectra(summary: Summary) -> None:
    first, second = (draw(12, 3, summary=summary, odd=("blazar",)) for _ in range(2))
    assert [d.raw for d in first] == [d.raw for d in second]
    assert fluxes(draw(12, 4, summary=summary)[0]).tolist() != fluxes(first[0]).tolist()


def test_shares_are_dealt_out(summary: Summary) -> None:
    drawn = draw(100, 0, summary=summary)
    counts = {kind: sum(d.kind == kind for d in drawn) for kind in SHARES}
    total = sum(SHARES.values())
    assert all(abs(counts[kind] - 100 * share / total) < 1 for kind, share in SHARES.items())


@pytest.mark.parametrize("kind", sorted(SHARES))
def test_drawn_spectra_are_sedm_like(kind: str, summary: Summary) -> None:
    for drawn in many(summary, kind, 12):
        raw = drawn.raw
        assert raw.origin == "simulated"
        assert drawn.label == summary.populations[kind].label
        values = fluxes(drawn)
        assert len(raw.wavelengths) == values.size == len(raw.errors)  # type: ignore[arg-type]
        assert values.size > 0.9 * PIXELS_A.size
        assert np.isfinite(values).all()
        assert 0.5 < np.median(values / np.asarray(raw.errors, dtype=float)) < 60
        assert drawn.redshift is not None
        assert drawn.redshift >= 0


def test_second_spectrum_is_of_the_same_object(summary: Summary) -> None:
    first = many(summary, "SN Ia/max", 1)[0]
    again = draw_again(first, 99, summary=summary)
    other = many(summary, "SN II/plateau", 1)[0]
    assert (again.redshift, again.label, again.kind) == (first.redshift, first.label, first.kind)
    assert again.raw.fluxes != first.raw.fluxes
    shape = [np.interp(PIXELS_A, np.asarray(d.raw.wavelengths), fluxes(d)) for d in (first, again, other)]
    assert np.corrcoef(shape[0], shape[1])[0, 1] > max(0.8, np.corrcoef(shape[0], shape[2])[0, 1])


def test_sn_ia_at_maximum_shows_silicon(summary: Summary) -> None:
    """Si II 6355, blue-shifted to about 6150 Angstrom."""
    depth = [
        2 * level(d, 6080, 6200) / (level(d, 5900, 5990) + level(d, 6350, 6450)) for d in many(summary, "SN Ia/max")
    ]
    assert np.median(depth) < 0.92


def test_sn_ii_on_the_plateau_shows_h_alpha(summary: Summary) -> None:
    height = [level(d, 6520, 6610) / level(d, 6850, 7000) for d in many(summary, "SN II/plateau")]
    assert np.median(height) > 1.15


def test_agn_shows_broad_h_beta_and_oxygen(summary: Summary) -> None:
    height = [level(d, 4850, 5020) / level(d, 5150, 5300) for d in many(summary, "AGN/broad-line")]
    assert np.median(height) > 1.1


@pytest.mark.parametrize("kind", ["TDE", "SLSN/I", "CV/outburst"])
def test_hot_ones_are_blue(kind: str, summary: Summary) -> None:
    colour = [level(d, 4200, 4600) / level(d, 6000, 6400) for d in many(summary, kind)]
    assert np.median(colour) > 1.15


def test_cv_in_quiescence_has_balmer_emission_at_rest(summary: Summary) -> None:
    height = [level(d, 6540, 6590) / level(d, 6700, 6900) for d in many(summary, "CV/quiescence")]
    assert np.median(height) > 1.1


def test_odd_ones(summary: Summary) -> None:
    odd = ("blazar", "noise", "M dwarf", "low coverage", "galaxy")
    drawn = {d.kind: d for d in draw(0, 7, summary=summary, odd=odd)}
    assert tuple(drawn) == odd
    assert level(drawn["blazar"], 4200, 4600) > level(drawn["blazar"], 7000, 7400) > 0
    assert abs(np.median(fluxes(drawn["noise"]))) < np.std(fluxes(drawn["noise"]))
    assert level(drawn["M dwarf"], 7070, 7150) < 0.75 * level(drawn["M dwarf"], 6950, 7030)
    assert max(drawn["low coverage"].raw.wavelengths) < 7600  # type: ignore[type-var, operator]
    assert drawn["galaxy"].raw.kind == "host"
    assert all(d.raw.origin == "simulated" for d in drawn.values())


def test_unknown_names_are_refused(summary: Summary) -> None:
    with pytest.raises(KeyError):
        draw(1, 0, summary=summary, odd=("unicorn",))
    with pytest.raises(KeyError):
        draw(1, 0, summary=summary, shares={"SN Ia/never": 1.0})
