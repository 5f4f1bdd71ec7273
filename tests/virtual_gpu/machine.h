/* What translated kernels, the driver and the blocks know of each other. */

#ifndef MACHINE_H
#define MACHINE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { WARP = 32 };
enum { MULTIPROCESSORS = 4, MOST_SHARED = 163 << 10, USUAL_SHARED = 48 << 10 };

struct block;

/* One thread of a block. */
struct thread {
    uint32_t number, block_number, of_block, of_grid; /* %tid.x, %ctaid.x, %ntid.x, %nctaid.x */
    uint32_t dynamic;                                 /* %dynamic_smem_size */
    void **arguments;
    struct block *block;
    void *stack;
    int state, line; /* of the PTX, where it waits */
};

typedef void kernel_code(struct thread *);

/* So many blocks at the same time. Returns 0, or 1 after an error, which is printed. */
int run_grid(kernel_code *code, uint32_t blocks, uint32_t at_once, uint32_t threads,
             uint32_t shared, uint32_t dynamic, void **arguments);

/* For translated kernels; `line` is that of the PTX. */
void *global_at(struct thread *, uint64_t address, int size, int line);
void *shared_at(struct thread *, uint64_t address, int size, int line);
void wait_for_block(struct thread *, int line);
void let_others_run(struct thread *);
void multiply_tf32(struct thread *, const uint32_t a[4], const uint32_t b[2], float c[4]);
void fail(struct thread *, const char *what, uint64_t address, int line);

/* Whether all of it lies in one allocation. */
int is_allocated(uint64_t address, size_t size);

#endif
