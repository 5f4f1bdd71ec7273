"""Blocks that wait for each other, by counters in the device's memory.

All threads of a block meet; one of them counts the block, and looks until the others have come.
What was written before the fence in front of the count is seen after the fence behind the last look
(PTX ISA, "Memory Consistency Model"). Fences on whose order a whole device agrees, as
``threadfence`` makes them, would take longer, and looks that add 0 would get in the way of counts.
"""

from llvmlite import ir

from tsrnn.kernels.cuda.device import SIMULATED, cuda, data_of, function, intrinsic, split, types

if SIMULATED:

    @function
    def fence():
        """What a thread has written, or seen written, comes before what it does from here on."""
        cuda.threadfence()

    @function
    def look(now, counter):
        """A number that others count by."""
        return cuda.atomic.add(now, counter, 0)

else:

    @intrinsic
    def fence(typing_context):
        """What a thread has written, or seen written, comes before what it does from here on."""

        def codegen(context, builder, signature, arguments):
            nothing = ir.FunctionType(ir.VoidType(), [])
            code = ir.InlineAsm(nothing, "fence.acq_rel.gpu;", "~{memory}", side_effect=True)
            builder.call(code, [])
            return context.get_dummy_value()

        return types.void(), codegen

    @intrinsic
    def look(typing_context, now, counter):
        """A number that others count by."""

        def codegen(context, builder, signature, arguments):
            place = builder.gep(data_of(context, builder, now, arguments[0]), [arguments[1]])
            read = ir.FunctionType(ir.IntType(64), [place.type])
            code = "ld.relaxed.gpu.u64 $0, [$1];", "=l,l,~{memory}"
            return builder.call(ir.InlineAsm(read, *code, side_effect=True), [place])

        return types.int64(now, types.int64), codegen


@function
def sync(now, counter, team):
    """Wait for all threads of a team of blocks; what they wrote can be read then.

    ``now[counter]`` counts blocks that have come, over all times.
    """
    cuda.syncthreads()
    if team > 1:
        if cuda.threadIdx.x == 0:
            fence()
            come = cuda.atomic.add(now, counter, 1)
            _, after_others = split(come, team)
            waited_for = come - after_others + team
            while look(now, counter) < waited_for:
                pass
            fence()
        cuda.syncthreads()
