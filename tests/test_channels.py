"""Independent channels: a wide frame is forecast as the panel of its columns would be."""

import numpy as np
import pandas as pd
import pytest
from small import daily_frame, rows_at, small

import tsrnn

WIDE = daily_frame(columns="abc")
CALENDAR = pd.DataFrame({"weekday": WIDE.index.day_of_week * 1.0}, WIDE.index)
LATER = pd.date_range(WIDE.index[-1], periods=6, freq="D")[1:]


def independent(**options):
    return small(channels="independent", horizon=3, **options)


def long(wide):
    frame = wide.melt(ignore_index=False, var_name="unique_id", value_name="y")
    return frame.rename_axis("ds").reset_index()


def by_column(forecast):
    return forecast.pivot(index="ds", columns="unique_id", values="y").to_numpy()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strategy": "recursive"},
        {"early_stopping": True, "max_epochs": 5},
        {"pooling": "local", "n_members": 2},
        {"missing": "mask"},
    ],
)
def test_a_wide_frame_is_the_panel_of_its_columns(options):
    wide = WIDE
    if "missing" in options:
        wide = WIDE.copy()
        wide.iloc[20:23] = np.nan
    forecaster = independent(**options).fit(wide)
    panel = small(horizon=3, **options).fit(long(wide))
    for name, values in panel.params_.items():
        np.testing.assert_array_equal(forecaster.params_[name], values, err_msg=name)
    forecast = forecaster.predict()
    assert forecast.columns.tolist() == list("abc")
    np.testing.assert_array_equal(forecast, by_column(panel.predict()))
    older = wide[:-9] if "missing" not in options else WIDE[:-9]
    found = forecaster.predict(history=older)
    np.testing.assert_array_equal(found, by_column(panel.predict(history=long(older))))


@pytest.mark.parametrize("loss", ["quantile", "negative_binomial", "mase"])
@pytest.mark.parametrize("options", [{}, {"strategy": "recursive"}, {"pooling": "local"}], ids=str)
def test_losses_are_those_of_the_panel_of_its_columns(loss, options):
    wide = WIDE.round()
    forecaster = independent(loss=loss, **options).fit(wide)
    panel = small(horizon=3, loss=loss, **options).fit(long(wide))
    np.testing.assert_array_equal(forecaster.predict(), by_column(panel.predict()))
    if loss == "mase":
        return
    found, levels = forecaster.predict_quantiles(), [0.1, 0.5, 0.9]
    assert found.columns.tolist() == [(name, level) for name in "abc" for level in levels]
    quantiles = panel.predict_quantiles()
    for level in levels:
        wanted = quantiles.pivot(index="ds", columns="unique_id", values=level)
        np.testing.assert_array_equal(found.xs(level, axis=1, level=1), wanted)


@pytest.mark.parametrize("options", [{"strategy": "recursive"}, {"pooling": "local"}], ids=str)
def test_draws_of_each_channel_are_its_own(options):
    """Columns differ in their units by factors of ten."""
    forecaster = independent(loss="quantile", max_epochs=5, **options).fit(WIDE)
    drawn = forecaster.sample(3000, rows_at(LATER), random_state=0)
    quantiles = forecaster.predict_quantiles(X=rows_at(LATER))
    middle = drawn.T.groupby(level=0).median().T
    np.testing.assert_allclose(middle, quantiles.xs(0.5, axis=1, level=1), rtol=0.1)


@pytest.mark.parametrize("strategy", ["direct", "seq2seq"])
def test_each_channel_reads_the_covariates(strategy):
    forecaster = independent(strategy=strategy).fit(CALENDAR, WIDE)
    panel = long(WIDE).merge(CALENDAR.rename_axis("ds").reset_index(), on="ds")
    twin = small(horizon=3, strategy=strategy).fit(panel)
    later = pd.DataFrame({"weekday": LATER.day_of_week * 1.0}, LATER)
    rows = [later.rename_axis("ds").reset_index().assign(unique_id=name) for name in "abc"]
    wanted = by_column(twin.predict(pd.concat(rows, ignore_index=True)))
    np.testing.assert_array_equal(forecaster.predict(later), wanted)


def test_a_forecast_depends_on_no_other_column():
    forecaster = independent().fit(WIDE)
    changed = WIDE.copy()
    changed["c"] = changed["c"].to_numpy()[::-1]
    one, other = forecaster.predict(history=WIDE), forecaster.predict(history=changed)
    pd.testing.assert_frame_equal(one[["a", "b"]], other[["a", "b"]])
    assert not one["c"].equals(other["c"])


@pytest.mark.parametrize("pooling", ["global", "local"])
def test_a_saved_one_forecasts_the_same(tmp_path, pooling):
    forecaster = independent(pooling=pooling).fit(WIDE)
    forecaster.save(tmp_path / "model.tsrnn")
    loaded = tsrnn.load(tmp_path / "model.tsrnn")
    pd.testing.assert_frame_equal(loaded.predict(), forecaster.predict())
    again = [each.partial_fit(WIDE).predict() for each in (loaded, forecaster)]
    pd.testing.assert_frame_equal(*again)


def test_weights_count_for_each_channel():
    weights = np.arange(1.0, 61.0)
    forecaster = independent().fit(WIDE, sample_weight=weights)
    panel = small(horizon=3).fit(long(WIDE), sample_weight=np.tile(weights, 3))
    np.testing.assert_array_equal(forecaster.predict(), by_column(panel.predict()))
