"""What the calendar says about each row: covariates that are known for all time to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from tsrnn.frames.timeline import check_stamps, ticks_of, wall_clock
from tsrnn.frames.values import as_dates

__all__ = ["CalendarFeatures"]

_SATURDAY = 5


# scikit-learn, which has no hints, is not to rename columns: transform may see other ones than fit.
class CalendarFeatures(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Hour, weekday, month and the like of each row, from its time stamp.

    What the wall clock shows counts: in an index with a time zone, the local time. The columns of
    ``X`` come first, unchanged, then the new ones. Each row is computed on its own, so rows later
    than those of ``fit``, or at another frequency, are fine; ``fit`` only chooses the features.

    Parameters
    ----------
    features : list of str, default=None
        Out of "minute", "hour", "weekday" (Monday is 0), "day" (of the month), "dayofyear", "week"
        (of ISO 8601), "month", "quarter"; "time_of_day", to the second and below; and the flags
        "is_weekend", "is_month_start", "is_month_end", "is_quarter_start", "is_quarter_end",
        "is_year_start", "is_year_end". None: those that change from row to row at the frequency of
        the rows in ``fit`` (in each series of a MultiIndex, in all rows of a long frame). That is,
        for

        - less than an hour: time_of_day (or hour, minute), weekday, month;
        - less than a day: hour, weekday, month;
        - less than a week: weekday, dayofyear (or month);
        - weeks, months and quarters: week, month and quarter;
        - years: nothing, the calendar repeats within a year.

        In brackets: what has a list of values, or a short one, for the encodings that need it.
    encoding : {"cyclic", "onehot", "category"}, default="cyclic"
        A sine and a cosine of period 1 day (time_of_day), 60 (minute), 24, 7, 12, 4, or the length
        of this month (day) or year (dayofyear, week), so that December lies next to January; a
        column of 0 and 1 for each value that the calendar has; or one categorical column, which
        the forecaster embeds: it knows only the values that occur in training, so a month that
        does not needs another encoding, or ``handle_unknown="ignore"`` there. Flags are one column
        of 0 and 1 in all three.
    time_col : str, default="ds"
        Column of ``X`` that holds the time stamps; it is kept, as the other columns are. Where
        ``X`` has no such column, its index holds them.

    Attributes
    ----------
    features_ : list of str
        The features that ``transform`` makes.
    n_features_in_ : int
        Columns of ``X`` in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, if all are strings.

    Notes
    -----
    Numbers are float32, the default precision of the forecaster: all lie between -1 and 1, and
    half the memory counts with millions of rows.

    The rows of ``transform`` need not have the columns of ``fit``: the future lacks targets, and
    other covariates that are not known yet. What is there is passed on, so frames come out
    whatever ``set_output`` asks for.

    Examples
    --------
    >>> import pandas as pd
    >>> from tsrnn.calendar import CalendarFeatures
    >>> X = pd.DataFrame({"price": [3, 2, 2]}, pd.date_range("2024-01-31", periods=3, freq="ME"))
    >>> CalendarFeatures().fit_transform(X).round(3)
                price  month_sin  month_cos
    2024-01-31      3      0.000      1.000
    2024-02-29      2      0.500      0.866
    2024-03-31      2      0.866      0.500
    >>> calendar = CalendarFeatures(["month", "is_quarter_end"], encoding="category")
    >>> calendar.fit_transform(X)
                price month  is_quarter_end
    2024-01-31      3     1             0.0
    2024-02-29      2     2             0.0
    2024-03-31      2     3             1.0
    """

    _parameter_constraints: ClassVar[dict] = {
        "features": ["array-like", None],
        "encoding": [StrOptions({"cyclic", "onehot", "category"})],
        "time_col": [str],
    }

    def __init__(
        self,
        features: list[str] | None = None,
        *,
        encoding: str = "cyclic",
        time_col: str = "ds",
    ):
        self.features = features
        self.encoding = encoding
        self.time_col = time_col

    def fit(self, X: pd.DataFrame | pd.Series, y: Any = None) -> CalendarFeatures:
        """Choose the features.

        Parameters
        ----------
        X : DataFrame or Series of length rows
            With a DatetimeIndex, a PeriodIndex (the start of each period counts), a MultiIndex
            whose last level is one of these, or a column ``time_col``. It may have no columns:
            ``pd.DataFrame(index=y.index)``. A Series is a frame of one column.
        y : object, default=None
            Not used.

        Returns
        -------
        CalendarFeatures
            The transformer itself.

        Raises
        ------
        TypeError
            If ``X`` has no time stamps.
        ValueError
            If one is missing, or a parameter is out of range.
        """
        self._validate_params()
        X = _frame(X)
        times = _times(X, self.time_col)
        if self.features is None:
            index: Any = X.index  # the hints know no levels
            several = index.nlevels > 1 and self.time_col not in X.columns
            series = pd.factorize(index.droplevel(-1))[0] if several else 0
            features = _default_features(times, series, self.encoding)
        else:
            features = list(self.features)
        _check_features(features, self.encoding)
        validate_data(self, X, skip_check_array=True)
        self.features_ = features
        return self

    def transform(self, X: pd.DataFrame | pd.Series) -> pd.DataFrame:
        """Add the features.

        Parameters
        ----------
        X : DataFrame or Series of length rows
            As for ``fit``.

        Returns
        -------
        DataFrame of length rows
            The columns of ``X``, then the new ones, at the index of ``X``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        TypeError
            If ``X`` has no time stamps.
        ValueError
            If one is missing, or a column of ``X`` has the name of a new one.
        """
        check_is_fitted(self)
        X = _frame(X)
        columns = self._new_columns(_times(X, self.time_col))
        taken = [name for name in columns if name in X.columns]
        if taken:
            raise ValueError(
                f"X already has columns named {taken}, which are the names of new ones; rename "
                "them, or leave what they are made of out of features."
            )
        made = pd.DataFrame(columns, index=X.index)
        return pd.concat([X, made], axis=1) if X.shape[1] else made

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns that ``transform`` gives for the columns of ``fit``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of ``X``. None: as in ``fit``; "x0", "x1", ... if those were no
            strings.

        Returns
        -------
        ndarray of str
            Those names, then the names of the new columns.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        made = list(self._new_columns(pd.DatetimeIndex([])))
        return np.concatenate([names, np.array(made, dtype=object)])

    def set_output(self, *, transform: str | None = None) -> CalendarFeatures:
        """Accept that frames are asked for; they come out anyway.

        Parameters
        ----------
        transform : {"default", "pandas"}, default=None
            Of no effect: the forecaster needs the index that only a frame has.

        Returns
        -------
        CalendarFeatures
            The transformer itself.

        Raises
        ------
        ValueError
            If something else is asked for.
        """
        if transform not in (None, "default", "pandas"):
            raise ValueError(f"CalendarFeatures gives pandas frames, not {transform!r}.")
        return self

    def _new_columns(self, times: pd.DatetimeIndex) -> dict[str, Any]:
        made = [_encode(name, times, self.encoding) for name in self.features_]
        return {name: column for columns in made for name, column in columns.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = True  # of the columns: they are passed on as they are
        tags.transformer_tags.preserves_dtype = []
        return tags


# What the calendar repeats


@dataclass(frozen=True)
class _Cycle:
    """Values that come round again."""

    first: int
    length: int
    """How many values there are, at most."""
    values: Callable[[pd.DatetimeIndex], Any]
    """The value of each stamp: an array or an index of numbers."""
    turn: Callable[[pd.DatetimeIndex], Any] | None = None
    """How many values the round of each stamp has, where rounds differ."""
    listed: bool = True
    """Whether the values are whole numbers."""


def _time_of_day(times: pd.DatetimeIndex) -> pd.Index:
    return (times - times.normalize()) / pd.Timedelta(days=1)


def _iso_week(times: pd.DatetimeIndex) -> np.ndarray:
    return times.isocalendar()["week"].to_numpy(dtype=np.int64)


def _iso_weeks_of_year(times: pd.DatetimeIndex) -> np.ndarray:
    """52, or 53 in years that begin or end on a Thursday."""
    year = times.isocalendar()["year"].to_numpy(dtype=np.int64)
    ends, before = (
        (last + last // 4 - last // 100 + last // 400) % 7  # weekday of 31 December, Sunday is 0
        for last in (year, year - 1)
    )
    return 52 + ((ends == 4) | (before == 3))


def _days_of_year(times: pd.DatetimeIndex) -> np.ndarray:
    return 365 + times.is_leap_year


_CYCLES = {
    "time_of_day": _Cycle(0, 1, _time_of_day, listed=False),
    "minute": _Cycle(0, 60, attrgetter("minute")),
    "hour": _Cycle(0, 24, attrgetter("hour")),
    "weekday": _Cycle(0, 7, attrgetter("day_of_week")),
    "day": _Cycle(1, 31, attrgetter("day"), attrgetter("days_in_month")),
    "dayofyear": _Cycle(1, 366, attrgetter("day_of_year"), _days_of_year),
    "week": _Cycle(1, 53, _iso_week, _iso_weeks_of_year),
    "month": _Cycle(1, 12, attrgetter("month")),
    "quarter": _Cycle(1, 4, attrgetter("quarter")),
}
_FLAGS: dict[str, Callable[[pd.DatetimeIndex], np.ndarray]] = {
    "is_weekend": lambda times: times.day_of_week >= _SATURDAY,
    "is_month_start": attrgetter("is_month_start"),
    "is_month_end": attrgetter("is_month_end"),
    "is_quarter_start": attrgetter("is_quarter_start"),
    "is_quarter_end": attrgetter("is_quarter_end"),
    "is_year_start": attrgetter("is_year_start"),
    "is_year_end": attrgetter("is_year_end"),
}
_KNOWN = [*_CYCLES, *_FLAGS]


def _encode(name: str, times: pd.DatetimeIndex, encoding: str) -> dict[str, Any]:
    """The columns, each of length rows, that one feature is made into."""
    if name in _FLAGS:
        return {name: np.asarray(_FLAGS[name](times), dtype=np.float32)}
    cycle = _CYCLES[name]
    values = np.asarray(cycle.values(times))
    if encoding == "cyclic":
        turn = cycle.length if cycle.turn is None else np.asarray(cycle.turn(times))
        angle = (2 * np.pi * ((values - cycle.first) / turn)).astype(np.float32)
        return {f"{name}_sin": np.sin(angle), f"{name}_cos": np.cos(angle)}
    listed = range(cycle.first, cycle.first + cycle.length)
    if encoding == "onehot":
        return {f"{name}={value}": (values == value).astype(np.float32) for value in listed}
    return {name: pd.Categorical.from_codes(values - cycle.first, categories=pd.Index(listed))}


# Which features

# For steps shorter than this: what changes within the periods that people live by.
_DEFAULTS = {
    pd.Timedelta(hours=1): ["time_of_day", "weekday", "month"],
    pd.Timedelta(days=1): ["hour", "weekday", "month"],
    pd.Timedelta(days=7): ["weekday", "dayofyear"],
    pd.Timedelta(days=28): ["week"],
    pd.Timedelta(days=89): ["month"],  # two months have 62 days at most, three at least 89
    pd.Timedelta(days=365): ["quarter"],
}
# Where values have to be listed, and the list should be short.
_COARSER = {"time_of_day": ["hour", "minute"], "dayofyear": ["month"]}


def _default_features(times: pd.DatetimeIndex, series: Any, encoding: str) -> list[str]:
    """Those that suit the usual step within each series, in whatever order the rows are.

    ``series`` is the number of each row's; a long frame does not say which column tells it.
    """
    ticks, series = np.broadcast_arrays(ticks_of(times), series)
    order = np.lexsort((ticks, series))
    steps = np.diff(ticks[order])[np.diff(series[order]) == 0]
    steps = steps[steps > 0]
    if not len(steps):
        raise ValueError(
            f"X has fewer than two different time stamps in its {len(times)} rows, which tells no "
            "frequency: name the features, for example features=['month']."
        )
    step = pd.Timedelta(np.median(steps), times.unit)
    names = next((names for limit, names in _DEFAULTS.items() if step < limit), [])
    if encoding == "cyclic":
        return list(names)
    return [coarse for name in names for coarse in _COARSER.get(name, [name])]


def _check_features(features: list, encoding: str) -> None:
    unknown = [name for name in features if name not in _KNOWN]
    if unknown:
        raise ValueError(f"features names {unknown}; there are {', '.join(_KNOWN)}.")
    repeated = sorted({name for name in features if features.count(name) > 1})
    if repeated:
        raise ValueError(f"features names {repeated} more than once.")
    unlisted = [name for name in features if name in _CYCLES and not _CYCLES[name].listed]
    if unlisted and encoding != "cyclic":
        raise ValueError(
            f"{unlisted[0]} has no list of values, which encoding={encoding!r} needs: take "
            f"{_COARSER[unlisted[0]]} instead, or encoding='cyclic'."
        )


# Time stamps of what was handed in


def _frame(X: Any) -> pd.DataFrame:
    if isinstance(X, pd.Series):
        return X.to_frame()
    if not isinstance(X, pd.DataFrame):
        raise TypeError(
            f"X must be a DataFrame or Series, for its time stamps, and is of {type(X)}: hand in "
            "pd.DataFrame(X, index=pd.date_range(...))."
        )
    return X


def _times(X: pd.DataFrame, time_col: str) -> pd.DatetimeIndex:
    """What the wall clock showed at each row."""
    if time_col in X.columns:
        column = X[time_col]
        if column.ndim > 1:
            raise ValueError(f"X has {column.shape[1]} columns named {time_col!r}; keep one.")
        index = pd.Index(column, dtype=column.dtype)
    else:
        index = X.index.get_level_values(-1)
    index = as_dates(index)
    if not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        raise _no_times(X, index, time_col)
    check_stamps(index, "X")
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    # Without its frequency: where that is one of business days, pandas moves the ends of months.
    return pd.DatetimeIndex(wall_clock(index).to_numpy())


def _no_times(X: pd.DataFrame, index: pd.Index, time_col: str) -> TypeError:
    first = f" (row 0: {index[:1].tolist()[0]!r})" if len(index) else ""
    if time_col in X.columns:
        return TypeError(
            f"Column {time_col!r} of X must hold dates or periods, and has dtype {index.dtype}"
            f"{first}; convert it: X[{time_col!r}] = pd.to_datetime(X[{time_col!r}])."
        )
    where = "last level of its index" if isinstance(X.index, pd.MultiIndex) else "index"
    return TypeError(
        f"X has no time stamps: its {where} has dtype {index.dtype}{first}, and none of its "
        f"columns {list(X.columns)} is time_col={time_col!r}. It needs a DatetimeIndex or "
        "PeriodIndex, X.index = pd.to_datetime(...), or time_col to name its column of dates."
    )
