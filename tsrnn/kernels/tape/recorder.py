"""What every part of a network writes to its tape: products, copies, and rows that are read."""

from typing import NamedTuple

from tsrnn.kernels.tape.calls import Operation, Tape
from tsrnn.kernels.tape.context import WEIGHTS, WORKSPACE
from tsrnn.kernels.tape.layout import Layout, Reads
from tsrnn.kernels.tape.workspace import Workspace


class Matrix(NamedTuple):
    """Where a matrix lies, panel after panel."""

    buffer: int
    start: int
    panel: int
    """From one panel to the next."""

    def from_panel(self, number: int) -> "Matrix":
        return self._replace(start=self.start + number * self.panel)


class Crew(NamedTuple):
    """Those who replay tapes for a tile together, each one of its own: blocks of a GPU's threads.

    A tile of the CPU has a crew of one. Of a product each has some columns, and where it matters,
    those of its own hidden units, of which all have the same number of panels. What others have
    written can be read after all have waited.
    """

    size: int = 1
    rank: int = 0
    """Whose tape it is."""
    room: int = 0
    """How many weights each can hold in a memory of its own."""

    def part(self, count: int) -> tuple[int, int]:
        """The first and the last of so many things that it has."""
        return self.rank * count // self.size, (self.rank + 1) * count // self.size


ALONE = Crew()


class Recorder:
    """Writes calls to a tape.

    Parameters
    ----------
    layout : Layout
        Where the parameters lie.
    workspace : Workspace
        Where the matrices lie, for full tiles.
    rows : int
        Rows of the tile to record, at most the workspace's.
    crew : Crew, default=ALONE
        Calls wait for the rest of it, unless told that there is no need: because they read what
        their own crewmate wrote, or what was there before the last wait, and write what nobody else
        touches before the next.
    """

    def __init__(self, layout: Layout, workspace: Workspace, rows: int, crew: Crew = ALONE):
        self.layout, self.ws, self.rows, self.crew = layout, workspace, rows, crew
        self.tape = Tape()
        self.width = layout.architecture.columns.width
        self.units = layout.hidden // layout.lanes
        assert self.units % crew.size == 0
        self._unseen = False

    def add(
        self, name: str, *arguments: int, of: tuple = (), wait: bool = True, by: int = 0
    ) -> None:
        """What only one of the crew does."""
        self._add(by == self.crew.rank, wait, Operation(name, of), *arguments)

    def add_own(self, name: str, *arguments: int, of: tuple = ()) -> None:
        """What each does with what is its own, without waiting."""
        self._add(True, False, Operation(name, of), *arguments)

    def wait(self) -> None:
        """For the crew, if there was a call since the last time."""
        if self._unseen and self.crew.size > 1:
            self.tape.add(Operation("wait"))
        self._unseen = False

    def _add(self, mine: bool, wait: bool, operation: Operation, *arguments: int) -> None:
        if wait:
            self.wait()
        self._unseen = True
        if mine:
            self.tape.add(operation, *arguments)

    def multiply(
        self,
        rows: int,
        panels: int,
        depth: int,
        a: Matrix,
        b: Matrix,
        c: Matrix,
        add: int = 0,
        *,
        transposed: bool = False,
        wait: bool = True,
    ) -> None:
        """C = A B, or added to C; each of the crew has some panels of B and C."""
        first, last = self.crew.part(panels)
        matrices = *a, *b.from_panel(first), *c.from_panel(first)
        operation = Operation("multiply", (transposed,))
        self._add(last > first, wait, operation, rows, last - first, depth, *matrices, add)

    def multiply_own(
        self,
        held: bool,
        rows: int,
        panels: int,
        depth: int,
        a: Matrix,
        b: Matrix,
        c: Matrix,
        add: int,
    ) -> None:
        """Such a product of which each does what it is given, without waiting.

        ``held`` if B lies in the own memory, whatever its buffer.
        """
        operation = Operation("multiply_held") if held else Operation("multiply", (False,))
        self._add(True, False, operation, rows, panels, depth, *a, *b, *c, add)

    def hold(self, *pieces: tuple[int, int]) -> bool:
        """The own part of weights, from a start on so many, piece after piece in the own memory.

        Returns
        -------
        bool
            False if there is no room for them.
        """
        parts = [(start, *self.crew.part(numbers)) for start, numbers in pieces]
        held = sum(last - first for _, first, last in parts)
        if self.crew.size == 1 or held > self.crew.room:
            return False
        to = 0
        for start, first, last in parts:
            self.add_own("hold", start + first, last - first, to)
            to += last - first
        self.tape.held = max(self.tape.held, held)
        return True

    def runs(self, steps: int) -> list[tuple[int, int]]:
        """First step and number of steps whose rows lie side by side.

        Those of a full tile are one run; a smaller one has gaps between steps.
        """
        if self.rows == self.ws.rows:
            return [(0, steps)]
        return [(step, 1) for step in range(steps)]

    def through(
        self, dz, dz_panel, depth, w, target, target_panel, panels, add=0, *, rows=None, wait=True
    ) -> None:
        """TARGET = DZ W^T over ``depth`` columns of DZ, or added to it; all rows, or the first."""
        self.multiply(
            *(rows or self.rows, panels, depth),
            Matrix(WORKSPACE, dz, dz_panel),
            Matrix(WEIGHTS, w, depth * self.layout.lanes),
            Matrix(WORKSPACE, target, target_panel),
            add,
            wait=wait,
        )

    def fill(self, start: int, panels: int, panel: int) -> None:
        """Panels of 0."""
        self._fill(start, panels, panel, self.rows * self.layout.lanes, 0)

    def fill_ones(self, panel: int, steps: int) -> None:
        """The first column of a panel."""
        self._fill(panel, steps * self.ws.rows, self.layout.lanes, 1, 1)

    def _fill(self, start, rows, stride, columns, number) -> None:
        first, last = self.crew.part(rows)
        numbers = start + first * stride, last - first, stride, columns, number
        self._add(last > first, True, Operation("fill"), *numbers)

    def copy(self, source, source_panel, target, target_panel, panels, add=0, *, wait=True) -> None:
        """Some panels of one step, perhaps on top of what is there."""
        first, last = self.crew.part(panels)
        places = source + first * source_panel, source_panel
        places += target + first * target_panel, target_panel
        columns = self.rows * self.layout.lanes
        self._add(last > first, wait, Operation("copy"), *places, last - first, columns, add)

    # Rows of the series

    def read(self, reads: Reads, row: int, target: int, panel: int, first: int, **who) -> None:
        """What ``reads`` says of a row of each window, to the columns of TARGET from ``first``."""
        where = target, panel
        targets = self.layout.architecture.columns.targets
        if reads.targets:
            self.add("read_inputs", row, self.rows, targets, self.width, *where, first, **who)
        first += reads.targets
        if reads.numbers:
            columns = self.width, reads.first_number, reads.numbers
            self.add("read_numbers", row, self.rows, *columns, *where, first, **who)
        first += reads.numbers
        for lag in reads.lags:
            source = row + 1 - lag, self.rows, targets, self.width
            self.add("read_inputs", *source, *where, first, **who)
            first += targets
        for table in reads.tables:
            source = self.width, table.column, table.weights, table.size
            self.add("look_up", row, self.rows, *source, *where, first, **who)
            first += table.size

    def unread(self, reads: Reads, row: int, dx: int, panel: int, first: int = 0) -> None:
        """The derivatives of the vectors of categories, to those of the tables."""
        for table in reads.tables:
            target = self.width, table.column, table.gradient, table.size
            self.add("add_to_table", row, *target, dx, panel, first)
            first += table.size
