"""The command line: files it writes, and what it says before training if it could not."""

import zipfile
from pathlib import Path

import pandas as pd
import pytest
from commands import SMALL, error_of, monthly

from tsrnn import RNNForecaster
from tsrnn.cli import main


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "gone/forecast.csv"], "gone/forecast.csv: There is no folder "),
        (["--out", "."], ".: Is a directory"),
        (["--out", "/dev/null"], "/dev/null: Is no ordinary file, and is not replaced"),
        (["--plot", "forecast.xyz"], "forecast.xyz: a picture's name ends in ."),
        (["--plot", "forecast"], "forecast: a picture's name ends in ."),
        (["--out", "a.png", "--plot", "a.png"], "--out and --plot both name a.png; give the"),
    ],
)
def test_what_could_not_be_written_is_said_before_training(
    csv, capsys, monkeypatch, tmp_path, options, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RNNForecaster, "fit", lambda *args: pytest.fail("trained first"))
    assert error_of(capsys, "forecast", csv(monthly()), *options).startswith(message)


def test_a_folder_that_may_not_be_written_to(csv, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr(RNNForecaster, "fit", lambda *args: pytest.fail("trained first"))
    out = tmp_path / "forecast.csv"
    error = error_of(capsys, "forecast", csv(monthly()), "--out", str(out))
    assert error == f"{out}: The folder {tmp_path} may not be written to"


def test_a_write_protected_file_is_refused_before_training(csv, capsys, tmp_path, monkeypatch):
    out = tmp_path / "forecast.csv"
    out.touch()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != out)
    monkeypatch.setattr(RNNForecaster, "fit", lambda *args: pytest.fail("trained first"))
    error = error_of(capsys, "forecast", csv(monthly()), "--out", str(out))
    assert error == f"{out}: Permission denied"


def test_old_files_keep_their_permissions(csv, tmp_path):
    out, plot = tmp_path / "forecast.csv", tmp_path / "forecast.svg"
    for path in (out, plot):
        path.touch()
        path.chmod(0o600)
    arguments = ["--backtest", "0", "--out", str(out), "--plot", str(plot), *SMALL]
    assert main(["forecast", csv(monthly()), *arguments]) == 0
    assert {path.stat().st_mode & 0o777 for path in (out, plot)} == {0o600}
    assert out.read_text().startswith("when,sales")
    assert "<svg" in plot.read_text()


@pytest.mark.parametrize("ending", ["gz", "BZ2", "xz", "zip", "tar", "tar.gz", "tar.xz"])
def test_out_may_be_compressed(csv, tmp_path, ending):
    plain, out = tmp_path / "forecast.csv", tmp_path / f"forecast.csv.{ending}"
    for path in (plain, out):
        arguments = ["--backtest", "0", "--out", str(path), *SMALL]
        assert main(["forecast", csv(monthly()), *arguments]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(out), pd.read_csv(plain))
    if ending == "zip":
        assert zipfile.ZipFile(out).namelist() == ["forecast.csv"]


def test_the_input_is_not_overwritten(csv, capsys):
    path = csv(monthly())
    assert "is the series itself" in error_of(capsys, "forecast", path, "--out", path)


def test_a_write_that_fails_leaves_the_old_file(csv, capsys, tmp_path, monkeypatch):
    old = tmp_path / "forecast.csv"
    old.write_text("as it was")

    def half(self, file, **options):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.Series, "to_csv", half)
    error = error_of(capsys, "forecast", *SMALL, "--out", str(old))
    assert error.endswith("No space left on device")
    assert old.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [old]
