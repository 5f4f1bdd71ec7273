"""What network to build: the numbers that fix its parameters."""

from typing import NamedTuple

from tsrnn.kernels.cells import CELLS, Cell


class Columns(NamedTuple):
    """What the rows of a series hold, in this order.

    The known columns of a row hold what is known of the *next* one: a network that has read a row
    has also read the covariates of the step that it forecasts first. Categories are numbered from
    0; a negative number stands for an unknown one, which is read as zeros.
    """

    targets: int
    past: int = 0
    """Numbers known up to now."""
    known: int = 0
    """Numbers known in advance."""
    past_categories: tuple[int, ...] = ()
    """How many categories each such column has."""
    known_categories: tuple[int, ...] = ()

    @property
    def numbers(self) -> int:
        return self.targets + self.past + self.known

    @property
    def categories(self) -> tuple[int, ...]:
        return self.past_categories + self.known_categories

    @property
    def width(self) -> int:
        return self.numbers + len(self.categories)

    @property
    def known_places(self) -> list[int]:
        """Where what is known in advance stands: numbers, then categories."""
        first = self.numbers + len(self.past_categories)
        return [*range(self.targets + self.past, self.numbers), *range(first, self.width)]


class Architecture(NamedTuple):
    """A stack of recurrent layers that reads the past, and a linear head that forecasts.

    Without a decoder the head gives the whole horizon from the last hidden state, plus for each
    step what is known of it. With one, a second stack takes over the last states, reads what is
    known of the steps to come, and the head gives each step from its hidden state there.

    A skip path adds to each step of each target a linear function of the last ``skip`` rows of the
    same target, 0 for no such path. Its parameters come last and are not trained: the optimizer
    leaves them as they are.

    With segments, each step of a stack reads so many rows at once through a linear layer. Then the
    decoder's steps stand side by side instead of one after another: each starts from the last
    states, and reads a learned vector of its own and what is known of its rows.

    In a residual network what a layer reads is handed up beside what it gives, from the second
    layer on: the layer above, or the head, reads the sum of both.

    With lags, the targets so many rows before a step are part of what is known of it: lags are no
    shorter than the horizon.

    A loss may want several numbers for each value; the head gives first ones first.
    """

    cell: str
    columns: Columns
    hidden_size: int
    num_layers: int
    directions: int
    horizon: int
    decoder: bool = False
    skip: int = 0
    segment: int = 0
    """Rows of a segment; 0 for none. Takes a decoder, and divides horizon and windows."""
    numbers: int = 1
    """That the head gives for each value forecast."""
    lags: tuple[int, ...] = ()
    """In rows."""
    residual: bool = False

    @property
    def equations(self) -> Cell:
        return CELLS[self.cell]

    @property
    def embedding_sizes(self) -> tuple[int, ...]:
        """Length of the vector that stands for a category, for each column of categories."""
        return tuple(min(32, (count + 1) // 2) for count in self.columns.categories)

    @property
    def lead(self) -> int:
        """Rows in front of a window that are read for its lags."""
        return lead_of(self.lags)

    @property
    def lagged(self) -> int:
        """Targets that are known of each step."""
        return len(self.lags) * self.columns.targets

    @property
    def inputs(self) -> int:
        """Numbers of a row, lagged targets of the next one, then vectors of its categories."""
        return self.columns.numbers + self.lagged + sum(self.embedding_sizes)

    @property
    def future_inputs(self) -> int:
        """The same of what is known in advance."""
        vectors = sum(self.embedding_sizes[len(self.columns.past_categories) :])
        return self.columns.known + self.lagged + vectors

    @property
    def positions(self) -> int:
        """Hidden states that the head forecasts from."""
        return self.encoder_steps(self.horizon) if self.decoder else 1

    def encoder_steps(self, rows: int) -> int:
        """Steps in which so many rows are read."""
        return rows // (self.segment or 1)

    @property
    def outputs(self) -> int:
        """Values that it forecasts from each."""
        return self.horizon * self.columns.targets // self.positions

    @property
    def head_rows(self) -> int:
        """Rows of its matrix: the first number of all values, then the second, and so on."""
        return self.numbers * self.outputs

    @property
    def features(self) -> int:
        """Width of what the head reads: hidden units of all directions; decoders have one."""
        return self.hidden_size if self.decoder else self.directions * self.hidden_size

    def stack_inputs(self, decoder: bool, layer: int) -> int:
        """Width of what a layer of the encoder or decoder reads."""
        if layer > 0:
            return self.hidden_size if decoder else self.directions * self.hidden_size
        if self.segment:
            return self.hidden_size
        return self.future_inputs if decoder else self.inputs

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes as in ``torch.nn.LSTM``, ``GRU`` and ``RNN``; then the others."""
        shapes = self._stack_shapes("", decoder=False)
        if self.decoder:
            shapes |= self._stack_shapes("decoder.", decoder=True)
        shapes |= self._segment_shapes()
        shapes["head.weight"] = (self.head_rows, self.features)
        shapes["head.bias"] = (self.head_rows,)
        if self.future_inputs and not self.decoder:
            shapes["head.known_weight"] = (self.head_rows, self.future_inputs)
        tables = zip(self.columns.categories, self.embedding_sizes, strict=True)
        shapes |= {f"embedding.{i}": table for i, table in enumerate(tables)}
        if self.skip:
            values = self.horizon * self.columns.targets
            shapes |= {"skip.weight": (values, self.skip), "skip.bias": (values,)}
        return shapes

    def _segment_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of what turns segments into inputs of the encoder, and of the decoder."""
        if not self.segment:
            return {}
        shapes: dict[str, tuple[int, ...]] = {
            "segment.weight": (self.hidden_size, self.segment * self.inputs),
            "segment.bias": (self.hidden_size,),
            "position.weight": (self.positions, self.hidden_size),
        }
        if self.future_inputs:
            shapes["known.weight"] = (self.hidden_size, self.segment * self.future_inputs)
        return shapes

    def _stack_shapes(self, prefix: str, decoder: bool) -> dict[str, tuple[int, ...]]:
        rows = self.equations.gates * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.num_layers):
            for direction in range(1 if decoder else self.directions):
                suffix = parameter_suffix(layer, direction)
                shapes[f"{prefix}weight_ih{suffix}"] = (rows, self.stack_inputs(decoder, layer))
                shapes[f"{prefix}weight_hh{suffix}"] = (rows, self.hidden_size)
                shapes[f"{prefix}bias_ih{suffix}"] = (rows,)
                shapes[f"{prefix}bias_hh{suffix}"] = (rows,)
        return shapes

    def operations(self, steps: int) -> int:
        """About how many the recurrent layers take for a window of so many steps, forward."""
        rows, steps = self.equations.gates * self.hidden_size, self.encoder_steps(steps)
        steps += self.positions if self.decoder else 0
        first = self.stack_inputs(False, 0) + self.hidden_size
        others = (self.num_layers - 1) * (self.directions + 1) * self.hidden_size
        return 2 * steps * self.directions * rows * (first + others)

    @property
    def n_parameters(self) -> int:
        """How many, without a list of them, which could be long."""
        values = self.horizon * self.columns.targets
        return self.n_trainable + (values * (self.skip + 1) if self.skip else 0)

    @property
    def n_trainable(self) -> int:
        """How many of them the optimizer changes: those in front of the skip path's."""
        rows = self.equations.gates * self.hidden_size
        total = self.head_rows * (self.features + 1)
        if not self.decoder:
            total += self.head_rows * self.future_inputs
        if self.segment:
            columns = self.segment * (self.inputs + self.future_inputs) + 1 + self.positions
            total += self.hidden_size * columns
        for decoder in (False, True) if self.decoder else (False,):
            first, other = (self.stack_inputs(decoder, layer) for layer in (0, 1))
            inputs = first + (self.num_layers - 1) * other
            layers = rows * (inputs + self.num_layers * (self.hidden_size + 2))
            total += layers if decoder else self.directions * layers
        tables = zip(self.columns.categories, self.embedding_sizes, strict=True)
        return total + sum(count * size for count, size in tables)


def parameter_suffix(layer: int, direction: int) -> str:
    """``_l0``, ``_l0_reverse``, ``_l1``, ... as PyTorch names them."""
    return f"_l{layer}" + ("_reverse" if direction else "")


def lead_of(lags: tuple[int, ...]) -> int:
    """Rows in front of a window that are read for lags: the first step reads the earliest."""
    return max(lags, default=1) - 1
