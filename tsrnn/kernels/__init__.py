"""The numeric core. Everything above asks for an engine and does not know which device computes."""

from tsrnn.kernels import forks  # noqa: F401 - takes note of forks from now on
from tsrnn.kernels.architecture import Architecture, Columns
from tsrnn.kernels.windows import Turn, WindowSet

__all__ = ["Architecture", "Columns", "Turn", "WindowSet", "describe", "make_engine", "warmup"]

# The compilers take a moment to import, so the devices' folders are imported where they are used.


def make_engine(architecture: Architecture, dtype: str, device: str, networks: int = 1):
    """The engine that computes some networks on a device: "cpu" or "cuda"."""
    if device == "cuda":
        from tsrnn.kernels.cuda.engine import Engine as OnGPU

        return OnGPU(architecture, dtype, networks)
    from tsrnn.kernels.cpu.engine import Engine

    return Engine(architecture, dtype, networks)


def warmup(cells, dtypes, losses, optimizers) -> None:
    """Compile all kernels ahead of their first use and keep them on disk."""
    from tsrnn.kernels.cpu.warmup import compile_all

    compile_all(cells, dtypes, losses, optimizers)


def describe() -> dict[str, str]:
    """How the kernels would run on this machine."""
    from tsrnn.kernels.cpu.warmup import describe

    return describe()
