"""The kernels on a GPU: the calls of a tape, replayed by blocks of threads.

``device`` is the only module that imports numba-cuda.
"""
