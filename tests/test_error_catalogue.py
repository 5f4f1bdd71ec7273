"""docs/errors.md, run: each piece of code raises that error, with exactly that message."""

import ast
import os
import re
import shlex
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

import tsrnn
from tsrnn.cli import main

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tsrnn.__file__).parent
PAGE = (ROOT / "docs" / "errors.md").read_text()
# Modules with checks that mostly a damaged file, a lacking extra, the command line or a misspelled
# import can fail
ELSEWHERE = {
    "__init__",
    "cli",
    "datasets",
    "kernels",
    "loading",
    "persistence",
    "plotting",
    "saving",
    "training",
}


@dataclass
class Row:
    """A piece of code, what it should raise, and what it did."""

    code: str
    expected: str
    raised: str = ""
    place: tuple[str, int] | None = None

    @property
    def id(self) -> str:
        return self.code.splitlines()[-1]


def pieces(language):
    """Code and what the comment below says, of all blocks in a language; setups say nothing."""
    for block in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        if not re.search(r"^# ", block, re.MULTILINE):
            yield Row(block, "")
            continue
        for piece in block.strip().split("\n\n"):
            code, _, comment = piece.partition("\n# ")
            yield Row(code, comment.replace("\n# ", " "))


def run_python(row, names):
    try:
        exec(row.code, names)
    except Exception as error:  # noqa: BLE001 (which one it should be stands on the page)
        row.raised = f"{type(error).__name__}: {' '.join(str(error).split())}"
        frames = traceback.extract_tb(error.__traceback__)
        row.place = next(
            ((frame.filename, frame.lineno) for frame in reversed(frames) if is_ours(frame)), None
        )


def is_ours(frame):
    return Path(frame.filename).is_relative_to(PACKAGE)


def run_shell(row, capsys):
    try:
        status = main(shlex.split(row.code)[1:])
    except SystemExit as exit_of_argparse:
        status = exit_of_argparse.code
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    row.raised = printed.err.splitlines()[-1].removeprefix("tsrnn: error: ")


PYTHON, SHELL = list(pieces("python")), list(pieces("sh"))


@pytest.fixture(scope="module")
def python_rows(tmp_path_factory):
    """The page, run from top to bottom in an empty folder."""
    before, names = Path.cwd(), {}
    os.chdir(tmp_path_factory.mktemp("page"))
    for row in PYTHON:
        run_python(row, names)
    yield {row.code: row for row in PYTHON}
    os.chdir(before)


def assert_as_expected(row):
    pattern = re.escape(row.expected).replace("…", ".*")
    assert re.fullmatch(pattern, row.raised), f"{row.raised}\ninstead of\n{row.expected}"


@pytest.mark.parametrize("row", PYTHON, ids=lambda row: row.id)
def test_what_the_page_says_is_raised(row, python_rows):
    assert_as_expected(python_rows[row.code])


@pytest.mark.parametrize("row", SHELL, ids=lambda row: row.id)
def test_what_the_page_says_is_printed(row, python_rows, capsys):
    run_shell(row, capsys)
    assert_as_expected(row)


def test_messages_are_sentences(python_rows):
    words = re.compile(r"(a|an|the|column|level|row|rows|series|time|there)\b")
    ours = [row for row in python_rows.values() if row.place and "[Errno" not in row.raised]
    for row in ours:
        message = row.raised.partition(": ")[2]
        assert message.endswith("."), message
        assert not words.match(message), message


def test_every_check_is_on_the_page(python_rows):
    met = {row.place for row in python_rows.values() if row.place}
    absent = [
        f"{path.name}, line {node.lineno}: {ast.unparse(node)}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0].removesuffix(".py") not in ELSEWHERE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise)
        and not any((str(path), line) in met for line in range(node.lineno, node.end_lineno + 1))
    ]
    assert absent == []


def test_no_row_stands_there_twice():
    codes = [row.code for row in PYTHON + SHELL]
    assert len(set(codes)) == len(codes) > 45
