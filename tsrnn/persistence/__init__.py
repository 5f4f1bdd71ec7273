"""A fitted model in one file, without pickle: arrays and facts, and nothing that can be run."""

import tsrnn.persistence.pandas_values  # noqa: F401 - teaches to_plain and from_plain what is pandas'
from tsrnn.persistence.container import read_model, write_model
from tsrnn.persistence.plain import ModelFileError, from_plain, to_plain

__all__ = ["ModelFileError", "from_plain", "read_model", "to_plain", "write_model"]
