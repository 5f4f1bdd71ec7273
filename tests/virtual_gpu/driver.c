/* As much of NVIDIA's driver (libcuda) as numba-cuda asks for, with kernels that run on the CPU. */

#define _GNU_SOURCE
#include "machine.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

enum { OK, INVALID_VALUE, OUT_OF_MEMORY };
enum { INVALID_DEVICE = 101, INVALID_CONTEXT = 201, NOT_FOUND = 500 };
enum { LAUNCH_FAILED = 719, TOO_LARGE = 720 };
/* Of a device, and of a kernel. */
enum { WARP_SIZE = 10, PROCESSORS = 16, MAJOR = 75, MINOR = 76, COOPERATIVE = 95, OPTIN = 97 };
enum { DYNAMIC_SHARED = 8 };
enum { COOPERATIVE_LAUNCH = 2 };

static const size_t MEMORY = (size_t)1 << 30;
static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER;

/* Memory */

static struct allocation {
    uint64_t start;
    size_t size;
} allocations[4096];
static size_t allocated;
static int places; /* of these, the rest has never been used */

int is_allocated(uint64_t address, size_t size)
{
    static int last; /* mostly it is there again */
    for (int tried = 0; tried < places; tried++, last = (last + 1) % places) {
        struct allocation found = allocations[last];
        if (found.size >= size && address >= found.start &&
            address - found.start <= found.size - size)
            return 1;
    }
    return 0;
}

/* NULL if there is none; one that starts at 0 is free. */
static struct allocation *starting_at(uint64_t start)
{
    for (size_t i = 0; i < sizeof allocations / sizeof *allocations; i++)
        if (allocations[i].start == start)
            return &allocations[i];
    return NULL;
}

int cuMemAlloc(uint64_t *start, size_t size)
{
    pthread_mutex_lock(&in_use);
    struct allocation *place = starting_at(0);
    int full = !place || size > MEMORY - allocated;
    if (!full) {
        void *memory = aligned_alloc(256, (size + 255) / 256 * 256);
        memset(memory, 0xff, size); /* NaN */
        *start = (uint64_t)memory;
        *place = (struct allocation){*start, size};
        places = place - allocations >= places ? place - allocations + 1 : places;
        allocated += size;
    }
    pthread_mutex_unlock(&in_use);
    return full ? OUT_OF_MEMORY : OK;
}

int cuMemFree(uint64_t start)
{
    pthread_mutex_lock(&in_use);
    struct allocation *found = start ? starting_at(start) : NULL;
    if (found) {
        allocated -= found->size;
        *found = (struct allocation){0};
        free((void *)start);
    }
    pthread_mutex_unlock(&in_use);
    return found ? OK : INVALID_VALUE;
}

int cuMemGetInfo(size_t *available, size_t *all)
{
    *all = MEMORY;
    *available = MEMORY - allocated;
    return OK;
}

int cuMemcpyHtoD(uint64_t to, const void *from, size_t size)
{
    if (!is_allocated(to, size))
        return INVALID_VALUE;
    memcpy((void *)to, from, size);
    return OK;
}

int cuMemcpyDtoH(void *to, uint64_t from, size_t size)
{
    if (!is_allocated(from, size))
        return INVALID_VALUE;
    memcpy(to, (void *)from, size);
    return OK;
}

int cuMemsetD8(uint64_t start, unsigned char value, size_t size)
{
    if (!is_allocated(start, size))
        return INVALID_VALUE;
    memset((void *)start, value, size);
    return OK;
}

/* Kernels */

struct kernel {
    char name[2048];
    kernel_code *code;
    int shared, most_dynamic;
};
static struct kernel kernels[4096];
static int count;

/* A kernel that has been translated: numba-cuda will ask for it by this name. */
int add_kernel(const char *name, const char *library, int shared)
{
    void *handle = dlopen(library, RTLD_NOW);
    if (!handle || strlen(name) >= sizeof kernels->name)
        return 1;
    struct kernel *added = &kernels[count++];
    strcpy(added->name, name);
    added->code = (kernel_code *)dlsym(handle, "kernel");
    added->shared = shared;
    added->most_dynamic = USUAL_SHARED - shared;
    return 0;
}

int cuLibraryLoadData(void **library, const void *code, int *options, void **values, unsigned n,
                      int *library_options, void **library_values, unsigned m)
{
    static char libraries[4096];
    static int loaded;
    *library = &libraries[loaded++];
    return OK;
}

int cuLibraryUnload(void *library) { return OK; }

int cuLibraryGetKernel(void **found, void *library, const char *name)
{
    for (int i = count; i-- > 0;)
        if (!strcmp(kernels[i].name, name)) {
            *found = &kernels[i];
            return OK;
        }
    return NOT_FOUND;
}

int cuKernelGetAttribute(int *value, int attribute, void *kernel, int device)
{
    *value = attribute == DYNAMIC_SHARED ? ((struct kernel *)kernel)->most_dynamic : 0;
    return OK;
}

int cuKernelSetAttribute(int attribute, int value, void *of, int device)
{
    struct kernel *kernel = of;
    if (attribute != DYNAMIC_SHARED || value + kernel->shared > MOST_SHARED)
        return INVALID_VALUE;
    kernel->most_dynamic = value;
    return OK;
}

/* One, so that a large batch has more tiles than blocks. */
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *of, int threads, size_t dynamic)
{
    *blocks = (int)dynamic <= ((struct kernel *)of)->most_dynamic;
    return OK;
}

struct attribute {
    int which, padding;
    union {
        int number;
        char all[64];
    } value;
};
struct launch {
    unsigned blocks[3], threads[3], dynamic;
    void *stream;
    struct attribute *attributes;
    unsigned count;
};

int cuLaunchKernelEx(const struct launch *launch, void *of, void **arguments, void **extra)
{
    struct kernel *kernel = of;
    int cooperative = 0;
    for (unsigned i = 0; i < launch->count; i++)
        if (launch->attributes[i].which == COOPERATIVE_LAUNCH)
            cooperative = launch->attributes[i].value.number;
    if ((int)launch->dynamic > kernel->most_dynamic)
        return INVALID_VALUE;
    if (cooperative && launch->blocks[0] > MULTIPROCESSORS)
        return TOO_LARGE;
    pthread_mutex_lock(&in_use);
    uint32_t blocks = launch->blocks[0]; /* without that word they may wait for each other in vain */
    int failed = run_grid(kernel->code, blocks, cooperative ? blocks : 1, launch->threads[0],
                          kernel->shared, launch->dynamic, arguments);
    pthread_mutex_unlock(&in_use);
    return failed ? LAUNCH_FAILED : OK;
}

/* The device, and what is asked before anything else */

int cuInit(unsigned flags) { return OK; }

int cuDriverGetVersion(int *version)
{
    *version = 13000;
    return OK;
}

int cuDeviceGetCount(int *devices)
{
    *devices = 1;
    return OK;
}

int cuDeviceGet(int *device, int number)
{
    *device = number;
    return number ? INVALID_DEVICE : OK;
}

int cuDeviceGetName(char *name, int size, int device)
{
    snprintf(name, size, "none: on the CPU");
    return OK;
}

int cuDeviceGetUuid(char uuid[16], int device)
{
    memset(uuid, 1, 16);
    return OK;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    static const int known[][2] = {{WARP_SIZE, WARP}, {PROCESSORS, MULTIPROCESSORS}, {MAJOR, 8},
                                   {MINOR, 0},        {COOPERATIVE, 1},              {OPTIN, MOST_SHARED}};
    *value = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i][0] == attribute)
            *value = known[i][1];
    return OK;
}

static char context;
static __thread void *contexts[64];
static __thread int depth;

int cuDevicePrimaryCtxRetain(void **retained, int device)
{
    *retained = &context;
    return OK;
}

int cuDevicePrimaryCtxRelease(int device) { return OK; }

int cuCtxGetCurrent(void **top)
{
    *top = depth ? contexts[depth - 1] : NULL;
    return OK;
}

int cuCtxSetCurrent(void *top)
{
    depth += top && !depth;
    if (depth)
        contexts[depth - 1] = top;
    return OK;
}

int cuCtxPushCurrent(void *top)
{
    contexts[depth++] = top;
    return OK;
}

int cuCtxPopCurrent(void **top)
{
    if (!depth)
        return INVALID_CONTEXT;
    *top = contexts[--depth];
    return OK;
}

int cuCtxGetDevice(int *device)
{
    *device = 0;
    return depth ? OK : INVALID_CONTEXT;
}

int cuCtxSynchronize(void) { return OK; }

int cuStreamGetCtx(void *stream, void **of)
{
    *of = &context;
    return OK;
}

int cuGetErrorName(int error, const char **name)
{
    *name = error == INVALID_VALUE   ? "CUDA_ERROR_INVALID_VALUE"
            : error == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
            : error == TOO_LARGE     ? "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE"
                                     : "CUDA_ERROR_UNKNOWN";
    return OK;
}

/* Where each of these is; what is not here is not there. */
int cuGetProcAddress_v2(const char *name, void **address, int version, uint64_t flags, int *status)
{
    Dl_info self;
    dladdr((void *)cuInit, &self);
    void *library = dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    *address = strcmp(name, "cuGetProcAddress") ? dlsym(library, name) : (void *)cuGetProcAddress_v2;
    dlclose(library);
    if (status)
        *status = !*address;
    return *address ? OK : NOT_FOUND;
}
