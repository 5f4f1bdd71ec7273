"""Dates and numbers of a CSV file, however it is written."""

import pandas as pd
import pytest
from small import says

from tsrnn.cli.reading import read_series
from tsrnn.cli.table import Dialect


def read(folder, text, target, times, dialect):
    path = folder / "series.csv"
    path.write_text(text, encoding="latin-1")
    return read_series(path, target, times, dialect)


@pytest.mark.parametrize(
    ("dates", "date_format", "first"),
    [
        (["1949-01", "1949-02"], None, "1949-01-01"),
        (["2024-05-06 07:30", "2024-05-06 08:00"], None, "2024-05-06 07:30"),
        (["2024-05-06T07:00Z", "2024-05-06T08:00Z"], None, "2024-05-06 07:00+00:00"),
        (["1949", "1950"], None, "1949-01-01"),
        (["20240506", "20240507"], None, "2024-05-06"),
        (["06.05.2024", "07.05.2024"], "%d.%m.%Y", "2024-05-06"),
        (["05/31/2024", "06/01/2024"], None, "2024-05-31"),
        (["05/05/2024", "06/06/2024"], None, "2024-05-05"),
        (["13/01/2024", "14/01/2024"], None, "2024-01-13"),
        (["12/01/2024", "13/01/2024"], None, "2024-01-12"),
        (["2000Q2", "2000Q3"], None, "2000-04-01"),
        (["2000-Q2", "2000-Q3"], None, "2000-04-01"),
        (["06052024", "07052024"], "%d%m%Y", "2024-05-06"),
    ],
)
def test_dates_are_read(tmp_path, dates, date_format, first):
    rows = "".join(f"{date},{value}\n" for value, date in enumerate(dates))
    series, notes = read(tmp_path, f"t,v\n{rows}", "v", "t", Dialect(date_format=date_format))
    assert series.index[0] == pd.Timestamp(first)
    assert (series.index.name, series.name, notes) == ("t", "v", [])


SAID = Dialect("|", ".", encoding="latin-1", date_format="%d%m%Y")


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("day;\xf6\n13.01.2024;1,5\n14.01.2024;2\n", Dialect(decimal=",", encoding="latin-1")),
        ("day\t\xf6\n2024-01-13\t1.5\n2024-01-14\t2\n", Dialect(encoding="latin-1")),
        ("day|\xf6\n13012024|1.5\n14012024|2\n", SAID),
    ],
    ids=["semicolons and decimal commas", "tabs", "all is said"],
)
def test_however_the_file_is_written(tmp_path, text, dialect):
    series, _ = read(tmp_path, text, None, "day", dialect)
    days = pd.DatetimeIndex(["2024-01-13", "2024-01-14"], name="day")
    pd.testing.assert_series_equal(
        series, pd.Series([1.5, 2], days, name="\xf6"), check_index_type=False
    )


EUROS = "Datum;Umsatz\n26.02.2024;999\n27.02.2024;1.006\n28.02.2024;1.013\n"


def test_points_that_may_set_thousands_apart_are_refused(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text(EUROS)
    words = says("column 'Umsatz', data row 2: '1.006' is 1006 where", "--decimal .")
    with pytest.raises(ValueError, match=words):
        read_series(path, None, None, Dialect())
    with pytest.raises(ValueError, match=says("'1.006' is not a number; --thousands . reads it")):
        read_series(path, "Umsatz", "Datum", Dialect(decimal=","))
    series, _ = read_series(path, None, None, Dialect(decimal="."))
    assert series.tolist() == [999, 1.006, 1.013]
    for other in ("0.125", "1.0061", "1.01"):
        path.write_text(EUROS.replace("1.006", other))
        assert read_series(path, None, None, Dialect())[0].iloc[1] == float(other)


@pytest.mark.parametrize(("name", "date"), [("date", "20240501"), ("Year", "2024"), ("id", "7")])
def test_numbers_that_may_be_dates_are_pointed_out(tmp_path, name, date):
    _, notes = read(tmp_path, f"{name},v\n{date},1\n", "v", None, Dialect())
    hint = f"; if column {name!r} holds dates, --time {name} says so" if name != "id" else ""
    assert notes == [f"no dates found: rows counted{hint}"]


def test_quarters_are_found(tmp_path):
    series, notes = read(tmp_path, "t,v\n2000Q2,1\n2000Q3,2\n", None, None, Dialect())
    assert series.index[1] == pd.Timestamp("2000-07-01")
    assert notes == ["dates from column 't'", "target is column 'v'"]


@pytest.mark.parametrize("value", ["1002.51", "1002", "1.002,51", "1,002.51", "2024"])
def test_numbers_with_a_stray_text_are_no_dates(tmp_path, value):
    path = tmp_path / "series.csv"
    table = pd.DataFrame({"sales": [value, "n/v", value], "price": range(3)})
    for note in ("no dates found: rows counted", "dates from column 'day'"):
        table.to_csv(path, sep=";", index=False)
        series, notes = read_series(path, "price", None, Dialect())
        assert series.tolist() == [0, 1, 2]
        assert notes == [note]
        table["day"] = ["2024-01-01", "2024-01-02", "2024-01-03"]


def test_offsets_become_one_time_zone(tmp_path):
    text = "t,v\n2024-03-31T01:00+01:00,1\n2024-03-31T03:00+02:00,2\n"
    series, _ = read(tmp_path, text, "v", "t", Dialect(tz="Europe/Berlin"))
    local = [pd.Timestamp(text, tz="Europe/Berlin") for text in ("2024-03-31 01", "2024-03-31 03")]
    assert list(series.index) == local
