"""The threshold from which on a class is as pure as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from models.bundle import SHIPPED
from models.conformal.domains import HIGH, LOW
from models.conformal.purity import FEWEST, Purities, purities_of
from models.sentinel.stored import CALIBRATION


def purities(p: np.ndarray, right: np.ndarray, spacing: float = 5.0) -> Purities:
    """Spectra that are all called SN Ia with probability `p`, of which some are SNe II."""
    fine = np.zeros((p.size, 7))
    fine[:, 0], fine[:, 3] = p, 1 - p
    label = np.where(right, 0, 3)
    return purities_of({"fine": fine, "label": label, "spacing": np.full(p.size, spacing)})


@given(
    st.integers(60, 300).flatmap(
        lambda n: st.tuples(
            st.lists(st.sampled_from(np.linspace(0.51, 1.0, 30).tolist()), min_size=n, max_size=n),
            st.lists(st.sampled_from([True] * 9 + [False]), min_size=n, max_size=n),
        )
    ),
    st.sampled_from([0.8, 0.9, 0.95, 1.0]),
)
def test_what_a_threshold_promises_holds_and_a_lower_one_does_not(drawn, at_least) -> None:
    p, right = np.array(drawn[0]), np.array(drawn[1])
    cut = purities(p, right).cut("SN Ia", [HIGH], at_least)

    def purity(t: float) -> tuple[float, int]:
        return float(right[p >= t].mean()), int((p >= t).sum())

    tried = [t for t in np.unique(p) if purity(t)[1] >= FEWEST]
    if cut is None:
        assert not tried or purity(max(tried))[0] < at_least
        return
    assert (cut.purity, cut.spectra) == (pytest.approx(purity(cut.threshold)[0]), purity(cut.threshold)[1])
    assert all(purity(t)[0] >= at_least for t in tried if t >= cut.threshold)
    below = [t for t in tried if t < cut.threshold]
    assert not below or purity(max(below))[0] < at_least
    assert cut.low <= cut.purity <= cut.high


def test_few_spectra_say_nothing() -> None:
    p = np.append(np.full(FEWEST - 1, 0.9), np.full(40, 0.4))
    assert purities(p, np.ones(p.size, bool)).cut("SN Ia", [HIGH], 0.9) is None


def test_of_several_domains_the_stricter_counts_and_one_that_is_not_known_has_none() -> None:
    p = np.tile(np.linspace(0.6, 0.99, 100), 2)
    right = np.append(np.ones(100, bool), np.linspace(0.6, 0.99, 100) > 0.8)
    fine = np.zeros((200, 7))
    fine[:, 0], fine[:, 1] = p, 1 - p
    spacing = np.repeat([5.0, 25.0], 100)
    found = purities_of({"fine": fine, "label": np.where(right, 0, 1), "spacing": spacing})
    high, low = (found.cut("SN Ia", [name], 0.95) for name in (HIGH, LOW))
    assert high is not None
    assert low is not None
    assert high.threshold < low.threshold
    assert found.cut("SN Ia", [HIGH, LOW], 0.95) == low
    assert found.cut("SN Ia", ["", HIGH], 0.95) is None
    assert found.cut("TDE", [HIGH], 0.9) is None


def test_the_shipped_bundle_has_what_it_takes() -> None:
    found = purities_of(load_file(SHIPPED / CALIBRATION))
    for domain in (HIGH, LOW):
        cut = found.cut("SN Ia", [domain], 0.95)
        assert cut is not None
        assert cut.purity >= 0.95
        assert cut.spectra >= 50
