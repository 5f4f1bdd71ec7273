"""scaling.py: of the series, of each window, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsrnn.scaling import (
    LARGEST_VALUE,
    NORMALIZATIONS,
    SMALLEST_SCALE,
    SeriesScaler,
    location_and_scale,
)

# The series


def scaler_of(values):
    """Of a single series."""
    return SeriesScaler.fitted(values, np.array([0, len(values)]))


def scaled(scaler, values, dtype="float64"):
    return scaler.transform(values, np.array([0, len(values)]), dtype)


def unscaled(scaler, values):
    return scaler.inverse(values[None])[0]


def test_each_series_is_scaled_as_if_it_were_alone():
    random = np.random.default_rng(0)
    series = [random.normal(5 * k, 1 + k, (rows, 2)) for k, rows in enumerate([1, 7, 300, 2])]
    offsets = np.cumsum([0, *map(len, series)])
    together = SeriesScaler.fitted(np.concatenate(series), offsets)
    for number, values in enumerate(series):
        alone = scaler_of(values)
        np.testing.assert_allclose(together.mean[number], alone.mean[0], rtol=1e-14)
        np.testing.assert_allclose(together.deviation[number], alone.deviation[0], rtol=1e-13)
        taken = together.take(np.array([number]))
        np.testing.assert_array_equal(taken.mean, together.mean[[number]])
    rows = together.transform(np.concatenate(series), offsets, "float64")
    parts = [scaled(scaler_of(values), values) for values in series]
    np.testing.assert_allclose(rows, np.concatenate(parts), atol=1e-12)


def test_each_column_has_mean_0_and_deviation_1():
    values = np.random.default_rng(0).normal([3, -1e9, 1e-9], [2, 5e3, 1e-12], (500, 3))
    found = scaled(scaler_of(values), values, "float64")
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(found.std(axis=0), 1, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_precision_is_the_one_asked_for(dtype):
    values = np.random.default_rng(0).normal(size=(50, 2))
    for data in (values, values.astype("f4"), np.asfortranarray(values)):
        found = scaled(scaler_of(data), data, dtype)
        assert found.dtype == dtype
        assert found.flags.c_contiguous


def test_single_precision_series_are_measured_in_double():
    values = (1e4 + np.random.default_rng(0).normal(size=(10_000, 1))).astype("f4")
    scaler, exact = scaler_of(values), scaler_of(values.astype("f8"))
    np.testing.assert_allclose(scaler.mean, exact.mean, rtol=1e-14)
    np.testing.assert_allclose(scaler.deviation, exact.deviation, rtol=1e-9)
    np.testing.assert_array_equal(
        scaled(scaler, values, "float32"), scaled(scaler, values.astype("f8"), "float32")
    )


def test_the_unit_of_mase_is_the_error_of_the_seasonal_naive_forecast():
    """Series by series; where there is no such error, the deviation as ever."""
    random = np.random.default_rng(0)
    series = [random.normal(5, k + 1, (rows, 2)) for k, rows in enumerate([30, 3, 8])]
    series.append(np.tile(np.arange(4.0)[:, None], (5, 2)))
    offsets, values = np.cumsum([0, *map(len, series)]), np.concatenate(series)
    usual = SeriesScaler.fitted(values, offsets)
    scaler = SeriesScaler.fitted(values, offsets, "naive", 4)
    np.testing.assert_array_equal(scaler.mean, usual.mean)
    for number in (0, 2):
        wanted = np.abs(series[number][4:] - series[number][:-4]).mean(axis=0)
        np.testing.assert_allclose(scaler.deviation[number], wanted, rtol=1e-12)
    np.testing.assert_array_equal(scaler.deviation[[1, 3]], usual.deviation[[1, 3]])


def test_that_error_may_have_another_season_than_the_one_taken_off():
    values, offsets = np.random.default_rng(0).normal(5, 3, (40, 2)), np.array([0, 40])
    scaler = SeriesScaler.deseasonalizing(values, offsets, np.array([40]), 4, "naive", naive=3)
    rest = scaler.transform(values, offsets, "float64")
    np.testing.assert_allclose(np.abs(rest[3:] - rest[:-3]).mean(axis=0), 1)


def test_where_nothing_stays_nothing():
    values = np.random.default_rng(0).normal([3, -1e9, 0], [2, 5e3, 0], (500, 3))
    offsets = np.array([0, 100, 500])
    sizes = SeriesScaler.fitted(values, offsets, "size")
    scaled_by_size = sizes.transform(values, offsets, "float64")
    np.testing.assert_allclose((scaled_by_size[:100, :2] ** 2).mean(axis=0), 1)
    counts = SeriesScaler.fitted(values, offsets, "counts")
    np.testing.assert_array_equal(counts.transform(values, offsets, "float64"), values)
    for scaler in (sizes, counts):
        assert not scaler.transform(np.zeros((500, 3)), offsets, "float64").any()
    location, scale = location_and_scale(values, np.array([0, 7]), 5, "size")
    assert not location.any()
    np.testing.assert_allclose(scale[1], 1 + np.abs(values[7:12]).mean(axis=0))


@given(
    hnp.arrays(
        "f8",
        st.tuples(st.integers(1, 30), st.integers(1, 3)),
        elements=st.floats(-1e100, 1e100, allow_subnormal=False),
    )
)
@settings(deadline=None, max_examples=200)
def test_the_way_back(values):
    scaler = scaler_of(values)
    found = scaled(scaler, values, "float64")
    assert np.isfinite(found).all()
    largest = np.abs(values).max(axis=0, initial=0)
    error = np.abs(unscaled(scaler, found) - values).max(axis=0)
    assert (error <= 1e-14 * largest).all()


@pytest.mark.parametrize(
    "value", [0, 1, -7.3, 0.1, 1e-9 / 3, 1e12 / 7, 1e30 / 7, 1e-200 / 3, 1e-300, 1e150 / 3]
)
@pytest.mark.parametrize("rows", [1, 2, 61, 1000])
def test_a_constant_column_is_exactly_0(value, rows):
    """Its mean and deviation may be rounding errors, which a network would take for a signal."""
    values = np.full((rows, 1), value)
    scaler = scaler_of(values)
    np.testing.assert_array_equal(scaled(scaler, values, "float64"), 0)
    np.testing.assert_array_equal(unscaled(scaler, np.zeros((2, 1))), value)
    assert scaler.deviation == (abs(value) or 1)


@pytest.mark.parametrize(
    ("offset", "size"), [(1e12, 0.1), (1e15, 64), (-1e6, 1e-7), (1e300, 1e287)]
)
def test_small_variation_on_a_large_offset(offset, size):
    values = offset + size * np.random.default_rng(0).normal(size=(500, 1))
    found = scaled(scaler_of(values), values, "float64")
    exact = (values - values[0]) / size
    np.testing.assert_allclose(found.std(), 1, rtol=1e-2)
    assert np.corrcoef(found[:, 0], exact[:, 0])[0, 1] > 0.999


@pytest.mark.parametrize("exponent", [-300, -200, -160, -100, 100, 150])
def test_any_unit(exponent):
    """The square of a small number may be 0, but it is not needed."""
    values = np.random.default_rng(0).normal(size=(50, 1))
    expected = scaled(scaler_of(values), values, "float64")
    other = values * 10.0**exponent
    found = scaled(scaler_of(other), other, "float64")
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("largest", [1e160, 1e200, 1e300, LARGEST_VALUE])
def test_the_largest_numbers_work(largest):
    values = largest * np.array([[1.0], [-1.0], [0.5], [1.0]])
    np.testing.assert_allclose(scaled(scaler_of(values), values, "float64").std(), 1)


# Windows


def by_hand(window, how):
    if how is None:
        return 0, 1
    if how == "last":
        return window[-1], 1
    if how == "mean":
        return window.mean(axis=0), 1
    if how == "standard":
        return window.mean(axis=0), np.maximum(window.std(axis=0), SMALLEST_SCALE)
    quartiles = np.quantile(window, [0.25, 0.5, 0.75], axis=0)
    return quartiles[1], np.maximum((quartiles[2] - quartiles[0]) / 1.349, SMALLEST_SCALE)


@pytest.mark.parametrize("how", NORMALIZATIONS)
@pytest.mark.parametrize("lookback", [1, 2, 5, 24])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_level_and_scale_of_each_window(how, lookback, channels, dtype, tolerance):
    random = np.random.default_rng(0)
    series = random.normal(size=(60, channels)).astype(dtype)
    series[30:] = 0.5  # windows without any variation
    starts = random.permutation(60 - lookback)
    location, scale = location_and_scale(series, starts, lookback, how)
    assert location.shape == scale.shape == (len(starts), channels)
    assert location.dtype == scale.dtype == np.dtype(dtype)
    for row, start in enumerate(starts):
        expected = by_hand(series[start : start + lookback].astype("f8"), how)
        for found, wanted in zip((location[row], scale[row]), expected, strict=True):
            np.testing.assert_allclose(found, np.broadcast_to(wanted, channels), atol=tolerance)


def test_robust_scale_is_the_deviation_of_normal_values():
    series = np.random.default_rng(0).normal(3, 2, (20_000, 1))
    location, scale = location_and_scale(series, np.array([0]), 20_000, "robust")
    assert location[0, 0] == pytest.approx(3, abs=0.05)
    assert scale[0, 0] == pytest.approx(2, rel=0.02)


def test_an_outlier_hardly_moves_robust_windows():
    series = np.random.default_rng(0).normal(size=(101, 1))
    before = location_and_scale(series, np.array([0]), 101, "robust")
    series[50] = 1e6
    after = location_and_scale(series, np.array([0]), 101, "robust")
    np.testing.assert_allclose(after, before, atol=0.1)


@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_the_series_is_not_changed(how):
    series = np.random.default_rng(0).normal(size=(60, 2))
    before = series.copy()
    location, scale = location_and_scale(series, np.arange(50), 10, how)
    location += 1
    scale += 1
    np.testing.assert_array_equal(series, before)


@pytest.mark.parametrize("how", ["mean", "standard", "robust"])
def test_windows_are_measured_some_at_a_time(how, monkeypatch):
    series = np.random.default_rng(0).normal(size=(200, 2))
    starts = np.arange(150)
    expected = location_and_scale(series, starts, 24, how)
    for rows in (1, 48, 500):
        monkeypatch.setattr("tsrnn.scaling._CHUNK", rows)
        np.testing.assert_array_equal(location_and_scale(series, starts, 24, how), expected)


@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_no_windows(how):
    location, scale = location_and_scale(np.ones((10, 2)), np.arange(0), 3, how)
    assert location.shape == scale.shape == (0, 2)


@given(
    series=hnp.arrays("f4", (40, 2), elements=st.floats(-10, 10, width=32)),
    lookback=st.integers(1, 20),
    how=st.sampled_from(NORMALIZATIONS),
)
@settings(deadline=None, max_examples=200)
def test_windows_come_back(series, lookback, how):
    starts = np.arange(40 - lookback + 1)
    location, scale = location_and_scale(series, starts, lookback, how)
    assert (scale >= np.float32(SMALLEST_SCALE)).all()
    windows = series[starts[:, None] + np.arange(lookback)]
    normal = (windows - location[:, None]) / scale[:, None]
    assert np.isfinite(normal).all()
    np.testing.assert_allclose(normal * scale[:, None] + location[:, None], windows, atol=1e-5)
