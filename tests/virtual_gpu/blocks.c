/* Blocks of threads that run at the same time, in turns: each thread has a stack of its own, and
 * hands over where it waits for others. */

#include "machine.h"

#include <stdio.h>
#include <sys/mman.h>

enum { STACK = 128 << 10 };
enum { PATIENCE = 10000 }; /* rounds in which all threads do nothing but ask */
enum { READY, AT_BARRIER, AT_WARP, DONE };

struct block {
    struct thread *threads;
    uint32_t size, running;
    uint8_t *shared;
    uint32_t shared_size;
    uint32_t (*a)[4], (*b)[2]; /* operands of each thread for tensor cores */
};

static int failed, backward;
static void *scheduler;
static struct thread *current;
static kernel_code *running;

/* Registers that a function must not change, and the stack; x86-64. */
void exchange(void **from, void *to);
__asm__(".text\n"
        "exchange:\n"
        "    push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
        "    ret\n");

static void hand_over(struct thread *thread, int state)
{
    thread->state = state;
    exchange(&thread->stack, scheduler);
}

void wait_for_block(struct thread *thread, int line)
{
    thread->line = line;
    hand_over(thread, AT_BARRIER);
}

void let_others_run(struct thread *thread) { hand_over(thread, READY); }

static void end(struct thread *thread)
{
    thread->block->running--;
    hand_over(thread, DONE);
}

static void begin(void)
{
    struct thread *thread = current;
    running(thread);
    end(thread);
}

static void report(const struct thread *thread, const char *what, uint64_t address, int line)
{
    if (!failed)
        fprintf(stderr, "%s at %#lx: line %d of the PTX, block %u, thread %u\n", what,
                (unsigned long)address, line, thread->block_number, thread->number);
    failed = 1;
}

void fail(struct thread *thread, const char *what, uint64_t address, int line)
{
    report(thread, what, address, line);
    end(thread);
}

void *global_at(struct thread *thread, uint64_t address, int size, int line)
{
    if (address % size)
        fail(thread, "misaligned global memory", address, line);
    if (!is_allocated(address, size))
        fail(thread, "not in any allocation", address, line);
    return (void *)address;
}

void *shared_at(struct thread *thread, uint64_t address, int size, int line)
{
    if (address % size)
        fail(thread, "misaligned shared memory", address, line);
    if (address > thread->block->shared_size - (uint64_t)size)
        fail(thread, "beyond shared memory", address, line);
    return thread->block->shared + address;
}

static float tf32(uint32_t bits)
{
    float number;
    bits &= ~0x1fffu;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* mma.sync.m16n8k8: thread 4 g + q of a warp has a[g + 8 (i % 2)][q + 4 (i / 2)], b[q + 4 i][g] and
 * c[g + 8 (i / 2)][2 q + i % 2]. */
void multiply_tf32(struct thread *thread, const uint32_t a[4], const uint32_t b[2], float c[4])
{
    uint32_t lane = thread->number % WARP, first = thread->number - lane;
    uint32_t(*all_a)[4] = thread->block->a + first, (*all_b)[2] = thread->block->b + first;
    memcpy(all_a[lane], a, sizeof all_a[lane]);
    memcpy(all_b[lane], b, sizeof all_b[lane]);
    hand_over(thread, AT_WARP);
    for (int i = 0; i < 4; i++) {
        int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
        for (int k = 0; k < 8; k++)
            c[i] += tf32(all_a[4 * (row % 8) + k % 4][row / 8 + 2 * (k / 4)]) *
                    tf32(all_b[4 * column + k % 4][k / 4]);
    }
    hand_over(thread, AT_WARP);
}

/* Let go all of some threads, if all wait at the same place. */
static void let_go(struct thread *threads, uint32_t count, int state)
{
    for (uint32_t i = 0; i < count; i++)
        if (threads[i].state != state || threads[i].line != threads[0].line)
            return;
    for (uint32_t i = 0; i < count; i++)
        threads[i].state = READY;
}

/* Returns how many threads did more than to ask; each time in the other order. */
static uint32_t take_turns(struct block *block)
{
    uint32_t ran = 0, went_on = 0;
    for (uint32_t i = 0; i < block->size && !failed; i++) {
        current = &block->threads[backward ? block->size - 1 - i : i];
        if (current->state != READY)
            continue;
        exchange(&scheduler, current->stack);
        ran++;
        went_on += current->state != READY;
    }
    for (uint32_t i = 0; i < block->size; i += WARP)
        let_go(block->threads + i, WARP, AT_WARP);
    let_go(block->threads, block->size, AT_BARRIER);
    for (uint32_t i = 0; !ran && block->running && i < block->size; i++)
        if (block->threads[i].state != DONE)
            report(&block->threads[i], "a barrier that some threads never come to", 0,
                   block->threads[i].line);
    return went_on;
}

static void place(struct block *block, uint32_t number, uint8_t *stacks, struct thread like)
{
    for (uint32_t i = 0; i < block->size; i++) {
        void **stack = (void **)(stacks + (i + 1) * (size_t)STACK) - 1; /* as if called */
        *--stack = (void *)begin;
        for (int saved = 0; saved < 6; saved++)
            *--stack = NULL;
        block->threads[i] = like;
        block->threads[i].number = i;
        block->threads[i].block_number = number;
        block->threads[i].block = block;
        block->threads[i].stack = stack;
    }
}

static void run_all(struct block *blocks, uint32_t count)
{
    uint32_t idle = 0;
    for (uint32_t left = count; left && !failed; backward = !backward) {
        uint32_t went_on = 0;
        left = 0;
        for (uint32_t i = 0; i < count; i++) {
            went_on += take_turns(&blocks[i]);
            left += blocks[i].running > 0;
        }
        idle = went_on ? 0 : idle + 1;
        if (idle > PATIENCE)
            report(&blocks[0].threads[0], "all wait for one that does not come", 0, 0);
    }
}

int run_grid(kernel_code *code, uint32_t blocks, uint32_t at_once, uint32_t threads,
             uint32_t shared, uint32_t dynamic, void **arguments)
{
    size_t bytes = (size_t)at_once * threads * STACK, size = shared + dynamic;
    uint8_t *stacks = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct block *all = calloc(at_once, sizeof *all);
    struct thread like = {
        .of_block = threads, .of_grid = blocks, .dynamic = dynamic, .arguments = arguments};

    failed = 0;
    running = code;
    for (uint32_t i = 0; i < at_once; i++)
        all[i] = (struct block){calloc(threads, sizeof *all[i].threads), threads, threads,
                                aligned_alloc(16, size / 16 * 16 + 16), size,
                                calloc(threads, sizeof *all[i].a),
                                calloc(threads, sizeof *all[i].b)};
    for (uint32_t first = 0; first < blocks && !failed; first += at_once) {
        for (uint32_t i = 0; i < at_once; i++) {
            all[i].running = threads;
            memset(all[i].shared, 0xff, size); /* NaN: nobody may count on what lies there */
            place(&all[i], first + i, stacks + (size_t)i * threads * STACK, like);
        }
        run_all(all, at_once);
    }
    for (uint32_t i = 0; i < at_once; i++) {
        free(all[i].threads);
        free(all[i].shared);
        free(all[i].a);
        free(all[i].b);
    }
    free(all);
    munmap(stacks, bytes);
    return failed;
}
