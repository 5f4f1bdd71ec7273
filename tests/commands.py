"""The command line, as its tests run it."""

import numpy as np
import pandas as pd

from tsrnn.cli import main

SMALL = ["--cell", "rnn", "--hidden-size", "4", "--max-epochs", "1", "--lookback", "12"]


def monthly(rows=60):
    stamps = pd.date_range("2020-01", periods=rows, freq="MS")
    months = np.arange(rows)
    return pd.DataFrame({"when": stamps, "sales": 100 + months + 9 * np.sin(months * np.pi / 6)})


def error_of(capsys, *argv):
    """Run a command that must fail, and return its one line of explanation."""
    assert main(list(argv)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    *notes, error = printed.err.splitlines()
    assert all(note.startswith("tsrnn: note: ") for note in notes)
    assert error.startswith("tsrnn: error: ")
    return error.removeprefix("tsrnn: error: ")
