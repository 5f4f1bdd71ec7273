"""The command line: what it prints and writes, and how it says what is wrong."""

import io
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import SMALL, error_of, monthly

import tsrnn
from tsrnn import RNNForecaster
from tsrnn.cli import main
from tsrnn.cli.backtest import run_backtest
from tsrnn.cli.report import report
from tsrnn.kernels.cells import CELLS

# --- what a forecast prints and writes ------------------------------------------------------------


def test_without_file_the_airline_passengers(capsys):
    assert main(["forecast", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "passengers: 144 rows, 1949-01-01 to 1960-12-01" in out
    assert "Error on the last 12 rows, fitted on the 132 before" in out
    assert "seasonal naive (12)  47.8  9.99 %" in out
    assert out.splitlines()[-1].startswith("1961-12-01  ")


def test_out_is_the_forecast(csv, capsys, tmp_path):
    out = tmp_path / "forecast.csv"
    assert main(["forecast", csv(monthly()), "--horizon", "6", *SMALL, "--out", str(out)]) == 0
    written = pd.read_csv(out, index_col=0, parse_dates=True)
    y = monthly().set_index("when")["sales"]
    forecaster = RNNForecaster(
        cell="rnn", hidden_size=4, max_epochs=1, lookback=12, horizon=6, random_state=0
    )
    expected = forecaster.fit(y).predict()
    assert written.index.name == "when"
    assert list(written.index) == list(pd.date_range("2025-01", periods=6, freq="MS"))
    np.testing.assert_allclose(written["sales"], expected, rtol=1e-6)


def test_out_may_be_the_standard_output(csv, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["forecast", csv(monthly()), "--horizon", "2", *SMALL]
    assert main([*arguments, "--out", "forecast.csv"]) == 0
    report = capsys.readouterr().out
    assert main([*arguments, "--out", "-", "--plot", "forecast.png"]) == 0
    printed = capsys.readouterr()
    assert printed.out == Path("forecast.csv").read_text()
    assert printed.err.endswith(report)
    assert {path.name for path in tmp_path.iterdir()} == {"input", "forecast.csv", "forecast.png"}


def test_from_the_standard_input_to_the_standard_output(capsys, monkeypatch):
    contents = monthly().to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(contents)))
    assert main(["forecast", "-", "--out", "-", "--horizon", "2", *SMALL]) == 0
    assert [line[:10] for line in capsys.readouterr().out.split()][1:] == [
        "2025-01-01",
        "2025-02-01",
    ]


def test_what_was_guessed_is_said(csv, capsys):
    assert main(["forecast", csv(monthly()), *SMALL, "--backtest", "0"]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "tsrnn: note: dates from column 'when'",
        "tsrnn: note: target is column 'sales'",
    ]
    assert "Error" not in printed.out


def test_what_was_named_is_not_repeated(csv, capsys):
    assert main(["forecast", csv(monthly()), "--time", "when", "--target", "sales", *SMALL]) == 0
    assert capsys.readouterr().err == ""


def test_plot_is_a_picture_and_nothing_else_is_left(csv, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    plot, out = folder / "forecast.png", folder / "forecast.csv"
    arguments = ["forecast", csv(monthly()), *SMALL, "--plot", str(plot), "--out", str(out)]
    assert main(arguments) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in folder.iterdir()} == {"forecast.png", "forecast.csv"}


def test_one_row_is_no_rows(csv, capsys):
    table = monthly()
    table.loc[30, "sales"] = np.nan
    arguments = ["--missing", "ffill", "--horizon", "1", *SMALL]
    assert main(["forecast", csv(table), *arguments]) == 0
    printed = capsys.readouterr()
    assert "1 of 60 steps has no value: ffill" in printed.err
    assert "Error on the last row, fitted on the 59 before" in printed.out


def test_verbose_says_which_fit_is_running(csv, capsys):
    arguments = ["--target", "sales", "--time", "when", "--verbose", *SMALL]
    assert main(["forecast", csv(monthly()), *arguments]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "note" in line]
    assert said == [
        "tsrnn: note: the fit for the backtest, without the last 12 rows",
        "tsrnn: note: the fit for the forecast, on all 60 rows",
    ]


@pytest.mark.filterwarnings("default")  # as for a user: elsewhere in the tests they are errors
def test_warnings_take_one_line(csv, capsys, monkeypatch):
    def warn(*args):
        warnings.warn("Something\nis odd.", UserWarning, stacklevel=1)
        raise ValueError("and wrong")

    monkeypatch.setattr("tsrnn.cli.forecast.read_series", warn)
    assert main(["forecast", csv(monthly())]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert printed == ["tsrnn: warning: Something is odd.", "tsrnn: error: and wrong"]


def test_rows_are_counted_where_there_are_no_dates(csv, capsys):
    assert main(["forecast", csv(monthly()[["sales"]]), "--horizon", "2", *SMALL]) == 0
    printed = capsys.readouterr()
    assert "no dates found: rows counted" in printed.err
    assert "last value (no season)" in printed.out
    assert [line.split()[0] for line in printed.out.splitlines()[-3:]] == ["step", "60", "61"]


def test_a_long_forecast_is_abridged_on_the_screen_only(csv, capsys, tmp_path):
    out = tmp_path / "forecast.csv"
    arguments = ["--horizon", "30", "--backtest", "0", "--out", str(out), *SMALL]
    assert main(["forecast", csv(monthly(120)), *arguments]) == 0
    table = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert len(table) == 1 + 24 + 1
    assert len(pd.read_csv(out)) == 30


# --- the held-out end -----------------------------------------------------------------------------


def test_blocks_are_forecast_from_what_precedes_them():
    y = monthly(48).set_index("when")["sales"]
    forecaster = RNNForecaster(cell="rnn", hidden_size=4, max_epochs=1, lookback=12, horizon=6)
    backtest = run_backtest(forecaster, y, blocks=3)
    assert (backtest.rows_before, backtest.season, backtest.cell) == (30, 12, "rnn")
    stamps = [stamp for block in backtest.forecasts for stamp in block.index]
    assert stamps == list(y.index[30:])
    np.testing.assert_array_equal(backtest.truth, y.to_numpy()[30:])
    np.testing.assert_array_equal(backtest.naive, y.to_numpy()[18:36])
    np.testing.assert_array_equal(backtest.forecasts[2], forecaster.predict(history=y.iloc[:42]))


def test_a_season_longer_than_the_series_is_none():
    y = monthly(20).set_index("when")["sales"]
    forecaster = RNNForecaster(cell="rnn", hidden_size=4, max_epochs=1, lookback=4, horizon=5)
    backtest = run_backtest(forecaster, y, blocks=2)
    assert backtest.season == 1
    assert backtest.naive.tolist() == [y.iloc[9]] * 5 + [y.iloc[14]] * 5


def test_percentages_are_left_out_where_the_truth_is_zero():
    y = monthly(48).set_index("when")["sales"]
    y.iloc[-1] = 0
    forecaster = RNNForecaster(cell="rnn", hidden_size=4, max_epochs=1, lookback=12, horizon=6)
    text = report(y, run_backtest(forecaster, y, blocks=1), forecaster.predict())
    assert "RMSE" in text
    assert "%" not in text


# --- missing values and dates ---------------------------------------------------------------------


def trading_days():
    """Five months of business days, of which two are holidays and two are without a value."""
    days = pd.bdate_range("2024-01-01", periods=110, name="day")
    volume = pd.Series(50 + np.arange(110.0) % 5, days, name="volume")
    holidays, unknown = days[[14, 63]], days[[20, 108]]
    return volume.drop(holidays).mask(lambda kept: kept.index.isin(unknown))


@pytest.mark.parametrize("how", ["ffill", "interpolate"])
def test_what_is_missing_is_filled(csv, capsys, tmp_path, how):
    y, out = trading_days(), tmp_path / "forecast.csv"
    arguments = ["--missing", how, "--horizon", "5", *SMALL, "--out", str(out)]
    assert main(["forecast", csv(y.reset_index()), *arguments]) == 0
    printed = capsys.readouterr()
    assert f"note: 4 of 110 steps have no value: {how}" in printed.err
    assert "Error on the last 5 rows (4 of them known), fitted on the 105 before" in printed.out
    written = pd.read_csv(out, index_col=0, parse_dates=True)["volume"]
    assert list(written.index) == list(pd.bdate_range("2024-06-03", periods=5))
    forecaster = RNNForecaster(
        cell="rnn", hidden_size=4, max_epochs=1, lookback=12, horizon=5, random_state=0, missing=how
    )
    np.testing.assert_allclose(written, forecaster.fit(y).predict(), rtol=1e-6)


def test_a_block_is_forecast_from_nothing_behind_its_beginning():
    y = trading_days().asfreq("B")
    forecaster = RNNForecaster(
        cell="rnn",
        hidden_size=4,
        max_epochs=1,
        lookback=12,
        horizon=5,
        missing="interpolate",
        random_state=0,
    )
    y.iloc[104] = np.nan  # the last row before the block
    backtest = run_backtest(forecaster, y, blocks=1)
    other = run_backtest(forecaster, y.where(y.index < y.index[105], 1e3), blocks=1)
    np.testing.assert_array_equal(backtest.naive, other.naive)
    np.testing.assert_array_equal(backtest.forecasts[0], other.forecasts[0])
    np.testing.assert_array_equal(backtest.truth, y.iloc[105:])
    assert backtest.naive[-1] == y.iloc[103]


@pytest.mark.usefixtures("untrained")
def test_nothing_held_out_is_known(csv, capsys):
    table = trading_days().iloc[:-1].reset_index()
    arguments = ["--missing", "ffill", "--horizon", "1", "--lookback", "5"]
    assert "holds out 1 row, without any value" in error_of(
        capsys, "forecast", csv(table), *arguments
    )


# --- mistakes in the series and the options -------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[:20], "The series is too short: 8 rows; "),
        (
            lambda table: table.drop([30, 40, 41, 42]),
            "There are gaps in column 'when': at frequency MS there should also be 2022-07-01 "
            "00:00:00, 2023-05-01 00:00:00, 2023-06-01 00:00:00, ... (4 missing in all). "
            "Have them filled by --missing ffill or interpolate, or name another step with --freq.",
        ),
        (
            lambda table: pd.concat([table, table.iloc[-2:]]),
            "in column 'when', the first is 2024-11-01 00:00:00 in data rows [59, 61] (2 repeated "
            "in all). A series has one row a date: of several in one file, take the rows of one.",
        ),
        (
            lambda table: table.iloc[::-1],
            "The time stamps of column 'when' must increase: data row 2 (2024-11-01 00:00:00) is "
            "before data row 1 (2024-12-01 00:00:00). Sort the rows by date.",
        ),
        (
            lambda table: table.assign(when=table["when"] + pd.to_timedelta(table.index**2, "h")),
            "The time stamps of column 'when' are irregular: the step from data row 1",
        ),
        (
            lambda table: table[:1],
            "column 'when' has one time stamp, which tells no frequency: --freq names the step.",
        ),
        (
            lambda table: table.assign(sales=table["sales"].where(table.index < 58)),
            "column 'sales', data row 59 (2024-11-01): no value (2 of 60 rows); write a number, or",
        ),
        (
            lambda table: pd.DataFrame({"sales": [5.0] * 3 + [np.inf] + [6.0] * 56}),
            "column 'sales', data row 4: infinite (1 of 60 rows)",
        ),
    ],
    ids=["short", "gap", "duplicate", "unsorted", "uneven", "single", "missing", "infinite"],
)
def test_what_is_wrong_with_the_series(csv, capsys, tmp_path, change, message):
    old = tmp_path / "forecast.csv"
    old.write_text("as it was")
    path = csv(change(monthly()))
    error = error_of(capsys, "forecast", path, "--out", str(old), *SMALL)
    assert message in error
    assert "X" not in error, "this is what a program calls the series"
    assert old.read_text() == "as it was"
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["forecast.csv"]


@pytest.mark.parametrize(
    ("file", "freq", "message"),
    [
        (
            ["when", "sales"],
            "D",
            "is 31 days 00:00:00, but the frequency is D. --freq D does not fit; ",
        ),
        (["when", "sales"], "ME", "(2020-01-01 00:00:00) is not on it. --freq ME does not fit; "),
        (["when", "sales"], "min", "but the frequency is min. --freq min does not fit; "),
        (["sales"], "MS", "--freq MS is the step of dates, and the rows have none"),
    ],
)
def test_a_step_that_is_not_that_of_the_dates(csv, capsys, file, freq, message):
    assert message in error_of(capsys, "forecast", csv(monthly()[file]), "--freq", freq)


@pytest.mark.parametrize("freq", ["MS2", "-1D"])
def test_what_is_no_step_at_all(csv, capsys, freq):
    error = error_of(capsys, "forecast", csv(monthly()), f"--freq={freq}")
    assert error.startswith(f"freq='{freq}' ")
    assert "--freq" not in error


def test_gaps_at_a_step_that_was_given(csv, capsys):
    error = error_of(capsys, "forecast", csv(monthly().drop([30])), "--freq", "MS")
    assert error.endswith("or give another step than --freq MS.")


def test_far_too_fine_a_step(csv, capsys):
    arguments = ["--freq", "min", "--missing", "ffill"]
    error = error_of(capsys, "forecast", csv(monthly()), *arguments)
    assert "more than 100 times as many. --freq min does not fit; without it, " in error


@pytest.fixture
def untrained(monkeypatch):
    """Nothing is trained meanwhile."""
    monkeypatch.setattr("tsrnn.training.Trainer._epoch", lambda *args: pytest.fail("trained first"))


@pytest.mark.usefixtures("untrained")
def test_more_held_out_than_there_is(csv, capsys):
    error = error_of(capsys, "forecast", csv(monthly()), "--backtest", "5", *SMALL)
    assert error == (
        "60 rows; --backtest 5 with --horizon 12 holds out 60 rows, which leaves none to fit on; "
        "a smaller --horizon holds out fewer, --backtest 0 none"
    )


@pytest.mark.usefixtures("untrained")
def test_too_little_left_to_fit_on(csv, capsys):
    error = error_of(capsys, "forecast", csv(monthly()), "--backtest", "4", *SMALL)
    assert error.endswith("(60 rows, of which --backtest 4 with --horizon 12 holds out 48 rows)")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: command (see tsrnn --help)"),
        (["forecast", "--horizon", "0"], "'0' is not a whole number from 1 on"),
        (["forecast", "--horizon", "x"], "'x' is not a whole number from 1 on"),
        (["forecast", "--backtest", "-1"], "'-1' is not a whole number from 0 on"),
        (["forecast", "--cell", "lstn"], "invalid choice: 'lstn'"),
    ],
)
def test_wrong_arguments(capsys, argv, message):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tsrnn: error: ")
    assert message in line


def test_a_traceback_on_request():
    with pytest.raises(FileNotFoundError):
        main(["--traceback", "forecast", "gone.csv"])


def test_ctrl_c(capsys, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("tsrnn.cli.forecast.read_series", interrupt)
    assert main(["forecast", "series.csv"]) == 130
    assert capsys.readouterr().err == "tsrnn: interrupted\n"


def test_ctrl_c_while_a_network_learns(capsys, monkeypatch, tmp_path):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("tsrnn.training.Trainer._epoch", interrupt)
    assert main(["forecast", *SMALL, "--out", str(tmp_path / "out.csv")]) == 130
    assert capsys.readouterr() == ("", "tsrnn: interrupted\n")
    assert not [*tmp_path.iterdir()]


# --- the other commands, and the process ----------------------------------------------------------


@pytest.mark.parametrize("command", ["forecast", "warmup"])
def test_cells_are_those_of_the_kernels(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--cell", "transformer"])
    choices = capsys.readouterr().err.partition("choose from")[2].partition(")")[0]
    assert set(re.findall(r"\w+", choices)) == {name.split("_")[0] for name in CELLS}


@pytest.mark.parametrize("command", [[], ["forecast"], ["warmup"], ["config"]])
def test_help_is_whole(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "%%" not in text
    options = re.findall(r"^  (-\S.*?)(?:  +(\S.*))?$((?:\n {10,}\S.*)*)", text, re.MULTILINE)
    assert options
    bare = [option for option, *words in options if not any(words)]
    assert bare == [], "options without a word"
    assert not command or len(text.split("\n\n")) > 2, "a command without a word"


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"tsrnn {tsrnn.__version__}\n"


def test_config(capsys):
    assert main(["config"]) == 0
    assert "numba" in capsys.readouterr().out


def test_warmup(capsys):
    assert main(["warmup", "--cell", "rnn", "--dtype", "float32"]) == 0
    assert capsys.readouterr().out.startswith("compiled in ")


def test_as_a_module():
    command = [sys.executable, "-m", "tsrnn", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"tsrnn {tsrnn.__version__}\n"


def test_a_reader_that_leaves():
    command = [sys.executable, "-m", "tsrnn", "forecast", *SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
