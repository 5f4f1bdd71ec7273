"""What network to build: the numbers that fix its parameters."""

from typing import NamedTuple

from tsrnn.kernels.cells import CELLS, Cell


class Architecture(NamedTuple):
    """A stack of recurrent layers and a linear head on the last hidden state."""

    cell: str
    inputs: int
    hidden_size: int
    num_layers: int
    directions: int
    outputs: int

    @property
    def equations(self) -> Cell:
        return CELLS[self.cell]

    @property
    def features(self) -> int:
        """Width of a layer's output: hidden units of all directions."""
        return self.directions * self.hidden_size

    def inputs_of(self, layer: int) -> int:
        return self.inputs if layer == 0 else self.features

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes as in ``torch.nn.LSTM``, ``GRU`` and ``RNN``; then the head's."""
        rows = self.equations.gates * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.num_layers):
            for direction in range(self.directions):
                suffix = parameter_suffix(layer, direction)
                shapes[f"weight_ih{suffix}"] = (rows, self.inputs_of(layer))
                shapes[f"weight_hh{suffix}"] = (rows, self.hidden_size)
                shapes[f"bias_ih{suffix}"] = (rows,)
                shapes[f"bias_hh{suffix}"] = (rows,)
        shapes["head.weight"] = (self.outputs, self.features)
        shapes["head.bias"] = (self.outputs,)
        return shapes

    @property
    def n_parameters(self) -> int:
        """How many, without a list of them, which could be long."""
        rows = self.equations.gates * self.hidden_size
        first = rows * (self.inputs + self.hidden_size + 2)
        others = (self.num_layers - 1) * rows * (self.features + self.hidden_size + 2)
        return self.directions * (first + others) + self.outputs * (self.features + 1)


def parameter_suffix(layer: int, direction: int) -> str:
    """``_l0``, ``_l0_reverse``, ``_l1``, ... as PyTorch names them."""
    return f"_l{layer}" + ("_reverse" if direction else "")
