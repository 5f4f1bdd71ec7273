"""What a call can see: a row of 64-bit integers for each worker, and its own numbers.

The context says where buffers lie (by address on the CPU, by place in a flat array on a GPU) and
holds the numbers that change from batch to batch; these are its fields. Offsets, sizes and strides,
which stay the same, are arguments, fixed when a tape is recorded (see ``calls``). What concerns all
workers of a network stands in each one's context; the CPU reads it from the first's.
"""

(
    # What changes with every batch: addresses of what is read of it, side by side; then others
    SERIES,
    STARTS,
    LOCATION,
    INVERSE_SCALE,
    ROW_WEIGHTS,
    PREDICTIONS,
    DROPOUT_LIMIT,
    DROPOUT_SEED,
    # Other buffers: addresses
    WORKSPACE,
    WEIGHTS,
    GRADIENT,
    LOSSES,
    LOSS_SETTINGS,
    # The tile at hand: its number, its first window, how many windows it has
    TILE,
    FIRST,
    COUNT,
    # How many windows and tiles there are, windows in a full tile, and workers
    WINDOWS,
    TILES,
    TILE_SIZE,
    WORKERS,
    # The batch at hand, and into how many parts the work is cut that goes parameter by parameter
    STEP,
    PARTS,
    # Where the gradient of the first tile lies, and the bytes from one to the next
    GRADIENTS,
    GRADIENT_BYTES,
    # Tapes: address and length of the one for full tiles, and of the one for the last
    TAPE,
    TAPE_LENGTH,
    LAST_TAPE,
    LAST_TAPE_LENGTH,
    # Several networks: how many, and workers that each take some of them
    NETWORKS,
    TEAM,
    # The contexts of all workers, and the kernels that work with one context as a whole
    CONTEXTS,
    PACK,
    REPLAY,
    PARALLEL,
    ADD_TILES,
    COLLECT,
    UPDATE,
    OPTIMIZE,
    # The parameters, how many are trained, numbers in a vector of the optimizer's memory; how to
    # pack them, where in a tile's gradient each one's derivative lies
    PARAMETERS,
    TRAINABLE_COUNT,
    MEMORY_STRIDE,
    SOURCES,
    PACKED_SIZE,
    PACKED_TRAINABLE,
    SUMS,
    SUM_COUNT,
    GRADIENT_OF,
    GRADIENT_SIZE,
    # What comes of a batch: all derivatives, sums of their squares; values that the loss is of
    DERIVATIVES,
    SQUARE,
    VALUE_COUNT,
    # Batches to go through; from the locations of one to those of the next
    STEPS,
    LOCATION_STEP,
    # For each step the seed of its dropout; its loss and the norm of its gradient are left
    SEEDS,
    STEP_LOSSES,
    STEP_NORMS,
    # The optimizer's memory, its numbers for each step, the longest gradient, and what one that is
    # longer is multiplied by
    MEMORY,
    OPTIMIZER_SETTINGS,
    OPTIMIZER_FIELDS,
    CLIP_NORM,
    SHRINK,
    # Where a GPU finds a number that the CPU works out itself: what passes dropout is multiplied by
    DROPOUT_GROWTH,
    # Which of its network's workers this block is; where workers count how many of them have come,
    # to wait for each other; how many are in a crew (see ``recorder``), and where those count
    RANK,
    BARRIER,
    CREW,
    CREW_BARRIER,
    SIZE,
) = range(67)

BATCH = slice(SERIES, ROW_WEIGHTS + 1)
