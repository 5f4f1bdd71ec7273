"""What a bug report should say, and compiling ahead."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from tsrnn.kernels.cells import CELLS, KINDS
from tsrnn.losses import LOSSES
from tsrnn.optimizers import OPTIMIZERS

_PACKAGES = ("tsrnn", "numba", "llvmlite", "numpy", "pandas", "scikit-learn", "numba-cuda")


def show_config() -> None:
    """Print versions, vector width, threads, cache folder and GPU, for bug reports.

    Examples
    --------
    >>> from tsrnn import show_config
    >>> show_config()  # doctest: +ELLIPSIS
    python           ...
    """
    from tsrnn.kernels import describe  # imports the compilers

    rows = {"python": f"{platform.python_version()} on {sys.platform}, {platform.machine()}"}
    rows |= {package: _version(package) for package in _PACKAGES}
    for name, value in (rows | describe()).items():
        print(f"{name:<17}{value}")


def warmup(cells: tuple[str, ...] = KINDS, dtypes: tuple[str, ...] = ("float32",)) -> None:
    """Compile kernels ahead and keep them on disk, so that no later process has to.

    All of them but the loss of quantiles, which is compiled for each number of them: for three.

    Parameters
    ----------
    cells : tuple of {"lstm", "gru", "rnn"}, default=all
    dtypes : tuple of {"float32", "float64"}, default=("float32",)
    """
    from tsrnn.kernels import warmup as compile_kernels

    names = [name for name in CELLS if name.partition("_")[0] in cells]
    compile_kernels(names, dtypes, LOSSES.values(), OPTIMIZERS.values())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
