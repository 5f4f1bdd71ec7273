"""What every part of a network writes to its tape: products, copies, and rows that are read."""

from tsrnn.kernels.tape.calls import Operation, Tape
from tsrnn.kernels.tape.context import WEIGHTS, WORKSPACE
from tsrnn.kernels.tape.layout import Layout, Reads
from tsrnn.kernels.tape.workspace import Workspace


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
    """

    def __init__(self, layout: Layout, workspace: Workspace, rows: int):
        self.layout, self.ws, self.rows = layout, workspace, rows
        self.tape = Tape()
        self.width = layout.architecture.columns.width
        self.units = layout.hidden // layout.lanes

    def add(self, name: str, *arguments: int, of: tuple = ()) -> None:
        self.tape.add(Operation(name, of), *arguments)

    def multiply(self, *arguments: int, transposed: bool = False) -> None:
        self.add("multiply", *arguments, of=(transposed,))

    def runs(self, steps: int) -> list[tuple[int, int]]:
        """First step and number of steps whose rows lie side by side.

        Those of a full tile are one run; a smaller one has gaps between steps.
        """
        if self.rows == self.ws.rows:
            return [(0, steps)]
        return [(step, 1) for step in range(steps)]

    def through(
        self, dz, dz_panel, depth, w, target, target_panel, panels, add=0, *, rows=None
    ) -> None:
        """TARGET = DZ W^T over ``depth`` columns of DZ, or added to it; all rows, or the first."""
        self.multiply(
            *(rows or self.rows, panels, depth),
            *(WORKSPACE, dz, dz_panel),
            *(WEIGHTS, w, depth * self.layout.lanes),
            *(WORKSPACE, target, target_panel),
            add,
        )

    def fill(self, start: int, panels: int, panel: int) -> None:
        """Panels of 0."""
        self.add("fill", start, panels, panel, self.rows * self.layout.lanes, 0)

    def fill_ones(self, panel: int, steps: int) -> None:
        """The first column of a panel."""
        self.add("fill", panel, steps * self.ws.rows, self.layout.lanes, 1, 1)

    def copy(self, source, source_panel, target, target_panel, panels, add=0) -> None:
        """Some panels of one step, perhaps on top of what is there."""
        columns = self.rows * self.layout.lanes
        self.add("copy", source, source_panel, target, target_panel, panels, columns, add)

    # Rows of the series

    def read(self, reads: Reads, row: int, target: int, panel: int, first: int) -> None:
        """What ``reads`` says of a row of each window, to the columns of TARGET from ``first``."""
        where = target, panel
        targets = self.layout.architecture.columns.targets
        if reads.targets:
            self.add("read_inputs", row, self.rows, targets, self.width, *where, first)
        first += reads.targets
        if reads.numbers:
            columns = self.width, reads.first_number, reads.numbers
            self.add("read_numbers", row, self.rows, *columns, *where, first)
        first += reads.numbers
        for lag in reads.lags:
            self.add("read_inputs", row + 1 - lag, self.rows, targets, self.width, *where, first)
            first += targets
        for table in reads.tables:
            source = self.width, table.column, table.weights, table.size
            self.add("look_up", row, self.rows, *source, *where, first)
            first += table.size

    def unread(self, reads: Reads, row: int, dx: int, panel: int, first: int = 0) -> None:
        """The derivatives of the vectors of categories, to those of the tables."""
        for table in reads.tables:
            target = self.width, table.column, table.gradient, table.size
            self.add("add_to_table", row, *target, dx, panel, first)
            first += table.size
