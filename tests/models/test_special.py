"""The short forms against scipy.special's."""

import numpy as np
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models import special

TABLES = arrays(float, (4, 5), elements=st.floats(-800, 800))


@given(TABLES)
def test_softmax(x: np.ndarray) -> None:
    np.testing.assert_allclose(special.softmax(x), scipy.special.softmax(x, axis=-1), rtol=1e-13, atol=1e-300)


@given(TABLES)
def test_logsumexp(x: np.ndarray) -> None:
    x[:, 3:] = -np.inf  # components that a class does not have
    np.testing.assert_allclose(special.logsumexp(x), scipy.special.logsumexp(x, axis=-1), rtol=1e-13, atol=1e-13)


def test_logsumexp_of_nothing() -> None:
    assert special.logsumexp(np.full((1, 3), -np.inf))[0] == -np.inf


@given(TABLES)
def test_expit(x: np.ndarray) -> None:
    np.testing.assert_allclose(special.expit(x), scipy.special.expit(x), rtol=1e-13, atol=1e-300)
