"""The numeric core. Everything above asks for an engine and does not know how a device computes."""

from tsrnn.kernels import forks, sources  # noqa: F401 - both take note from now on
from tsrnn.kernels.architecture import Architecture, Columns
from tsrnn.kernels.windows import Turn, WindowSet

__all__ = [
    "Architecture",
    "Columns",
    "Turn",
    "WindowSet",
    "at_hand",
    "choose_device",
    "describe",
    "has_gpu",
    "make_engine",
    "warmup",
]

# The compilers take a moment to import, so the devices' folders are imported where they are used.


# Operations of a batch, forward, from which on a GPU is worth its launches: about a millisecond of
# training on two cores of a CPU.
ENOUGH_WORK = 5 * 10**7


def choose_device(device: str, precision: str, operations: int) -> str:
    """The device itself; for "auto", the GPU if there is one and a batch is work enough.

    ``operations`` are those of the recurrent layers of all networks in a batch, forward.
    """
    if device != "auto":
        return device
    return "cuda" if operations >= ENOUGH_WORK and has_gpu(precision) else "cpu"


def has_gpu(precision: str = "ieee") -> bool:
    """Whether there is a GPU that can do this, and the library to use it."""
    try:
        from tsrnn.kernels.cuda.device import check

        check(precision)
    except (ImportError, RuntimeError):
        return False
    return True


def at_hand(device: str, precision: str) -> str:
    """The device, if there is one that can do this; else the CPU, which rounds otherwise."""
    return "cpu" if device == "cuda" and not has_gpu(precision) else device


def make_engine(
    architecture: Architecture, dtype: str, device: str, networks: int = 1, precision: str = "ieee"
):
    """The engine that computes some networks on a device: "cpu" or "cuda".

    ``precision`` is that of a GPU's products, "ieee" or "tf32".
    """
    if device == "cuda":
        from tsrnn.kernels.cuda.engine import Engine as OnGPU

        return OnGPU(architecture, dtype, networks, precision)
    from tsrnn.kernels.cpu.engine import Engine

    return Engine(architecture, dtype, networks)


def warmup(cells, dtypes, losses, optimizers) -> None:
    """Compile all kernels ahead of their first use and keep them on disk."""
    from tsrnn.kernels.cpu.warmup import compile_all

    compile_all(cells, dtypes, losses, optimizers)


def describe() -> dict[str, str]:
    """How the kernels would run on this machine."""
    from tsrnn.kernels.cpu.warmup import describe

    return describe() | {"gpu": _gpu()}


def _gpu() -> str:
    """Its name; or why there is none."""
    try:
        from tsrnn.kernels.cuda.device import name
    except ImportError:
        return "none: numba-cuda is not installed (the extra tsrnn[cuda])"
    try:
        return name()
    except RuntimeError as error:
        return f"none: {error}"
