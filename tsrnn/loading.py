"""Reading a forecaster from its file."""

from __future__ import annotations

import os

from tsrnn.forecaster import RNNForecaster
from tsrnn.persistence import ModelFileError, read_model
from tsrnn.saving import from_parts


def load(path: str | os.PathLike[str]) -> RNNForecaster:
    """Read a forecaster that ``RNNForecaster.save`` wrote.

    Nothing in the file is run, and no more memory is taken than its size warrants: a file from
    anywhere may be read.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    RNNForecaster
        Fitted; its forecasts have the bits of the one that was saved. What learned on a GPU is on
        a GPU again if there is one, else on the CPU, which rounds otherwise.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ModelFileError
        If it is no file of tsrnn, of a newer one, cut short or damaged. A ValueError.

    Examples
    --------
    >>> import tempfile
    >>> forecaster = RNNForecaster(lookback=4, max_epochs=1).fit([5.0, 6.0, 9.0, 3.0] * 9)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     forecaster.save(folder + "/model.tsrnn")
    ...     load(folder + "/model.tsrnn").lookback_
    4
    """
    arrays, facts = read_model(path)
    forecaster = RNNForecaster()
    try:
        from_parts(forecaster, arrays, facts)
    except ModelFileError as error:
        raise ModelFileError(f"{os.fspath(path)} {error}") from error.__cause__
    return forecaster
