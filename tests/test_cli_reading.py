"""The command line: CSV files as they come, and how it says what is wrong with them."""

import io
import sys

import pytest
from commands import SMALL, error_of, monthly

from tsrnn.cli import main

SUMMER_TIME = "2024-03-31T01:00+01:00,1\n2024-03-31T03:00+02:00,2\n"


def test_the_standard_input(capsys, monkeypatch):
    contents = monthly().to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(contents)))
    assert main(["forecast", "-", "--backtest", "0", *SMALL]) == 0
    assert "sales: 60 rows, 2020-01-01 to 2024-12-01" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", "the standard input is empty; it should hold a header and one row a step"),
        ("v\n", "the standard input has a header but no rows"),
        ("v\n1,2\n", "the standard input, line 2 has 2 fields, and the header 1: 'v'; "),
        ("v,v\n1,2\n", "the standard input: its header names 'v' 2 times"),
    ],
)
def test_the_standard_input_has_a_name(capsys, monkeypatch, contents, message):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(contents.encode())))
    assert error_of(capsys, "forecast", "-").startswith(message)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "is empty; it should hold a header and one row a step"),
        ("when,sales\n", [], "has a header but no rows"),
        ('a,b\n1,"2\n', [], "does not read as CSV: "),
        ("t,v\n2024-01,1\n", ["--target", "V2"], "no column 'V2' among 't', 'v'"),
        ("day,v\n2024-01,1\n", ["--time", "days"], "among 'day', 'v'; did you mean 'day'?"),
        (
            "t,v\n2024-01,a\n",
            [],
            "no column holds numbers to forecast: column 'v', data row 1: 'a'",
        ),
        (
            "t,v,w\n2024-01,5,\n2024-02,x,\n",
            [],
            "row 2: 'x' is not a number; --na x takes it for a missing value; col",
        ),
        (
            "t,staff,sales\n2024-01,40,900\n2024-02,45,n.v.\n",
            [],
            "column 'staff' holds numbers, and 'sales' may: column 'sales', data row 2: 'n.v.' is",
        ),
        (
            "t,staff,sales\n2024-01,40,$900.10\n2024-02,45,$930.00\n",
            [],
            "column 'staff' holds numbers, and 'sales' may: column 'sales', data row 1: '$900.10'",
        ),
        ("t,v\n2024-01,True\n", ["--target", "v"], "'v', data row 1: 'True' is not a number"),
        ("v\n2024-01\n", [], "no column holds numbers to forecast: 'v' is the only one"),
        (
            "t,v\n1,2,3\n",
            [],
            "line 2 has 3 fields, and the header 2: 't', 'v'; put a field in quotes",
        ),
        ("t;v, net\n2024-01;5,1\n", [], ": a comma or a semicolon may separate the fields"),
        ("t;v\n2024-01;5,1\n", [], "1: '5,1' is not a number; --decimal , reads it as 5.1"),
        (
            "t;v\n2024-01;1.234\n",
            ["--decimal", ","],
            "'1.234' is not a number; --thousands . reads it as 1234",
        ),
        (
            "t;v\n2024-01;1.234,5\n",
            [],
            "'1.234,5' is not a number; --thousands . reads it as 1234.5",
        ),
        ('t,v\n2024-01,"$1,234.5"\n', [], "number; --unit '$' --thousands , reads it as 1234.5"),
        ("t,gr\xf6\xdfe\n2024-01,5\n", [], "start byte; --encoding names another, such as cp1252"),
        ("t,v,w\n2024-01,1,2\n", [], "several columns hold numbers: 'v', 'w'; name one with"),
        ("s,t,v\n2024-01,2024-01,1\n", [], "several columns begin with a date: 's', 't'; name one"),
        ("t,v\n2024-01,1\n2024-02,x\n", ["--target", "v"], "'v', data row 2: 'x' is not a number"),
        (
            "t,v\n2024-01-01,1\n2024-02-30,2\n",
            ["--time", "t"],
            "'t', data row 2: '2024-02-30' does not read as a date; --date-format says",
        ),
        ("t,v\n2024-01-01,1\n,2\n", ["--time", "t"], "'t', data row 2: '' is not a date"),
        ("t,v\n2024-01-01,1\nsoon,2\n", [], "'t', data row 2: 'soon' does not read as a date"),
        ("t,v\n,1\n2024-01-01,2\n", [], "'t', data row 1: '' is not a date"),
        ("t,v\n2024-01-01,1\n01.02.24,2\n", [], "row 2: '01.02.24' does not read as a date; --da"),
        ("t,v\n01.01.24,1\n01.02.24,2\n", [], "row 2: '01.02.24' begins with the day or with the"),
        ("t,v\n1.2.24,1\n", ["--date-format", "%Y"], "no column has dates as in --date-format %Y"),
        ("t,v\n1,1\n2,2\n", ["--time", "t"], "'t', data row 1: '1' is a number, not a date"),
        (
            "t,v\nJan 1949,1\nFeb 1949,2\n",
            ["--time", "t"],
            "dates such as 'Jan 1949' are not clear; --date",
        ),
        (f"t,v\n{SUMMER_TIME}", [], "'t' holds dates of several UTC offsets; --tz names the time"),
        (
            "t,v\n2024-01,1\n",
            ["--tz", "UTC"],
            "--tz UTC converts dates with UTC offsets, and '2024",
        ),
        (f"{','.join('abcdefghij')}\n{'1,' * 9}1\n", [], "'g', 'h', ... (10 in all); name one"),
        ("t,v,v\n2024-01,1,2\n", ["--target", "v"], "its header names 'v' 2 times"),
        ("2024-01-01,1\n2024-01-02,2\n", [], "its first line holds '2024-01-01', '1', where it"),
        ("2024-01,5\n2024-02,6\n", [], "its first line holds '2024-01', '5', where it"),
        ("2000Q1,5\n2000Q2,6\n", [], "its first line holds '2000Q1', '5', where it"),
        ("1 Jan 2024;5\n2 Jan 2024;6\n", [], "its first line holds '1 Jan 2024', '5', where"),
        (
            "01.01.24,5\n02.01.24,6\n",
            ["--date-format", "%d.%m.%y"],
            "its first line holds '01.01.24', '5', where it",
        ),
        (
            "Jan,5\nFeb,6\n",
            ["--date-format", "%b"],
            "its first line holds 'Jan', '5', where it",
        ),
        ("\nv\n1\n \n3\n\n", [], "data row 2 is a blank line (1 of 3), which may be a missing"),
        ('v\n1\n""\n3\nNA\n\n', [], "column 'v', data row 2: no value (2 of 4 rows)"),
        (",v\n2024-01-01,1\n,2\n", [], "data row 2: '' is not a date"),
        ("day,sales\n", [], "has a header but no rows"),
        ("t,v\n2024-01,US-$10\n", [], "'US-$10' is not a number"),
        ("t,v\n2024-01,10-\n", [], "'10-' is not a number"),
        ("t,v\n2024-01,-$10\n", [], "'-$10' is not a number; --unit '$' reads it as -10"),
        ("t,v\n2024-01,- 10\n", [], "'- 10' is not a number; write it as -10"),
        ("t,v\n2024-01,(10)\n", [], "'(10)' is not a number"),
        ('t,v\n2024-01,"1,234"\n', [], "--thousands , reads it as 1234, --decimal , as 1.234"),
        ("t;v\n2024-01;1.234\n", [], "'1.234' is 1234 where points set thousands apart, and a"),
        ("t;v\n2024-01;1.234 $\n", ["--unit", "$"], "'1.234 $' is 1234 where points set"),
        ("t,v\n2024-01,1'234\n", [], 'not a number; --thousands "\'" reads it as 1234'),
        ("t,v\n2024-01,1\xa0234\n", ["--encoding", "latin-1"], "--thousands ' ' reads it as 1234"),
        ("t;v\n2024-01;1 234,5\n", [], "--thousands ' ' --decimal , reads it as 1234.5"),
        ("t;v\n2024-01;1.5\n", ["--thousands", "."], "'1.5' is not a number"),
        ("t,v\n2024-01,5.5%\n", [], "'5.5%' is not a number; --unit % reads it as 5.5"),
        ("t,v\n2024-01,5\n2024-02,n.a.\n", [], "--na n.a. takes it for a missing value"),
        ("t,v\n2024-01,#DIV/0!\n", [], "'#DIV/0!' is not a number"),
        ("t;v\n2024-01;1\n", ["--sep", ","], "; if a semicolon separates the fields, say so with"),
        ("t v\n2024-01 1\n", [], "if a blank separates the fields, say so with --sep ' '"),
        (
            "t\tv\n1\t2\n",
            ["--sep", ",", "--target", "v"],
            "a tab separates the fields, say so with --sep tab",
        ),
        ("t,v\n\n1,2\n1,2,3\n", [], "line 4 has 3 fields, and the header 2: 't', 'v'; put a"),
        (
            "Sales in May\n\nt,v\n2024-01,1\n",
            [],
            "line 3 has 2 fields, and the header 1: 'Sales in",
        ),
        ("sep=;\nt;v\n2024-01;1\n", [], "its first line, 'sep=', is for Excel alone; --skip 1"),
        ("1,2.5\n3,4\n", [], "its first line holds '1', '2.5', where it should name the columns"),
        (
            "1;2,5\n3;4\n",
            ["--decimal", ",", "--sep", ";"],
            "its first line holds '1', '2,5', where it should",
        ),
        ('t,v\n1,2\n3,"4\n5,6\n', [], "the quotation mark that opens in line 3 is never closed"),
        ("PK\x03\x04\xff", [], "is an Excel workbook or a zip archive, not CSV; save it as CSV"),
        ("\x1f\x8b\x08\0", [], "is compressed by gzip; unpack it, or let its name end in .gz"),
        ("t,v\n202401,1\n", ["--time", "t"], "--date-format says how dates of digits alone are"),
        ("s\0a\0", [], "is not written in UTF-8: it has bytes that are 0; --encoding names"),
        ("t,v\n1,2\nt,v\n", [], "data row 2: 'v' is not a number; this line may be the header"),
        ("t,v\n1,2\n", ["--target", "v", "--time", "v"], "--target and --time both name 'v'; the"),
        ("t,v\n00:00,1:30\n", [], "column 't', data row 1: '00:00' is not a number"),
        ("t,v\n2024-01,1\n,\n2024-02,2\n", [], "column 't', data row 2: '' is not a date"),
        ("v\n1\n", ["--skip", "9"], "is empty below line 9"),
        ("v\n1\n", ["--thousands", ".", "--decimal", "."], "the same mark stands before"),
        ("t;v\n2024-01-01;2000,05\n", [], "'2000,05' is not a number; --decimal , reads it as"),
    ],
)
def test_what_is_wrong_with_the_file(csv, capsys, tmp_path, text, options, message):
    out = tmp_path / "forecast.csv"
    error = error_of(capsys, "forecast", csv(text), *options, "--out", str(out))
    assert message in error
    assert not out.exists()


@pytest.mark.parametrize("ending", ["gz", "zip", "xz", "bz2", "tar"])
def test_a_damaged_compressed_file(capsys, tmp_path, ending):
    whole, damaged = tmp_path / f"whole.csv.{ending}", tmp_path / f"damaged.csv.{ending}"
    monthly().to_csv(whole)
    message = f"{damaged} cannot be decompressed: "
    for contents in (whole.read_bytes()[:60], b"<html>"):
        damaged.write_bytes(contents)
        assert error_of(capsys, "forecast", str(damaged)).startswith(message)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("\nv\n{0}\n \n\n", []),
        ("item,2024-01-01\n{0}\n", ["--target", "2024-01-01"]),
        ("2024-01-01\n{0}\n", ["--target", "2024-01-01"]),
        ("0\n{0}\n", ["--target", "0"]),
        ("2000Q1\n{0}\n", ["--target", "2000Q1"]),
        ("jan2024,feb2024\n{0}\n", ["--target", "feb2024"]),
        ("now,today\n{0}\n", []),
        ("May,Sales 2024\n{0}\n", []),
        ("Mar,v1.5\n{0}\n", []),
        ("mon,00:00\n{0}\n", []),
        (" item , sold \n{0}\n", ["--target", "sold"]),
        ("day,2024-01-01 sold\n{0}\n", ["--target", "2024-01-01 sold"]),
    ],
)
def test_odd_files_that_say_all(csv, capsys, text, options):
    rows = [f"{'x,' * (',' in text)}{value}" for value in range(40)]
    main(["forecast", csv(text.format("\n".join(rows))), *options, *SMALL])
    assert "40 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ('t,v\n{0},"1,234,567.5"\n', ["--thousands", ","], 1234567.5),
        ("t;v\n{0};1.234\n", ["--thousands", "."], 1234),
        ("t;v\n{0};1.234,5\n", ["--thousands", "."], 1234.5),
        ("t;v\n{0};1.234\n", ["--decimal", "."], 1.234),
        ("t,v\n{0},-1 234.5\n", ["--thousands", " "], -1234.5),
        ("t,v\n{0},1\xa0234\n", ["--thousands", " ", "--encoding", "latin-1"], 1234),
        ("t,v\n{0},12 kg\n", ["--unit", "kg"], 12),
        ("t,v\n{0},-$ 12\n", ["--unit", "$"], -12),
        ("t;v\n{0};5,5 %\n", ["--unit", "%", "--decimal", ","], 5.5),
        ("t,v\n{0},\u22125\n", ["--encoding", "utf-8"], -5),
        ('"t" , "v"\n{0}, "5"\n', [], 5),
        ("t,v\n{0},5,\n", [], 5),
        ("t,v,\n{0},5,\n", [], 5),
        ("t|v\n{0}|5\n", [], 5),
        (",t,v\n1,{0},5\n", [], 5),
        ("t,v\n{0},5\n", ["--skip", "0"], 5),
        ("From the shop\n\nt;v\n{0};5\n", ["--skip", "1"], 5),
        ("\ufefft,v\r\n{0},5\r\n", ["--encoding", "utf-8"], 5),
    ],
)
def test_numbers_as_people_write_them(tmp_path, capsys, text, options, expected):
    header, row = text.rsplit("\n", 2)[0], text.split("\n")[-2]
    days = [f"2024-01-{day:02}" for day in range(1, 29)]
    path, out = tmp_path / "series.csv", tmp_path / "forecast.csv"
    lines = [header, *(row.format(day) for day in days)]
    encoding = options[-1] if "--encoding" in options else "utf-8"
    path.write_text("\n".join(lines), encoding=encoding)
    arguments = ["forecast", str(path), *options, "--backtest", "0", *SMALL, "--out", str(out)]
    assert main(arguments) == 0, capsys.readouterr().err
    forecasts = out.read_text().split()
    assert forecasts[0] == "t,v"
    assert float(forecasts[1].split(",")[1]) == pytest.approx(expected)  # a constant goes on


def test_rows_of_separators_at_the_end_are_none(csv, capsys):
    text = monthly().to_csv(index=False) + ",\n" * 3
    assert main(["forecast", csv(text), "--backtest", "0", *SMALL]) == 0
    assert "sales: 60 rows, 2020-01-01 to 2024-12-01" in capsys.readouterr().out


@pytest.mark.filterwarnings("default")  # as for a user: elsewhere in the tests they are errors
def test_missing_values_at_the_end_are_some(csv, capsys):
    table = monthly().assign(when=range(60), sales=monthly()["sales"].where(lambda y: y.index < 58))
    text = table.to_csv(index=False) + ",\n"
    arguments = ["--target", "sales", "--missing", "ffill", "--backtest", "0", *SMALL]
    assert main(["forecast", csv(text), *arguments]) == 0
    told = capsys.readouterr().err
    assert "note: 3 of 61 steps have no value" in told
    assert "The last 3 values of X are missing and were filled" in told


def test_words_for_missing_values(csv, capsys):
    table = monthly().astype({"sales": object})
    table.loc[[5, 6], "sales"] = ["n.a.", "-"]
    arguments = ["--na", "n.a.", "--na", "-", "--missing", "ffill", "--backtest", "0", *SMALL]
    assert main(["forecast", csv(table), *arguments]) == 0
    assert "note: 2 of 60 steps have no value: ffill" in capsys.readouterr().err


def test_a_missing_file(capsys):
    assert error_of(capsys, "forecast", "gone.csv") == "gone.csv: No such file or directory"


def test_columns_of_no_file(capsys):
    assert "FILE.csv; none is given" in error_of(capsys, "forecast", "--target", "passengers")
