"""SIMD vectors: Python objects that stand for LLVM vectors while a kernel is being compiled.

The functions of ``cells``, ``losses`` and ``optimizers`` run once, at compile time, on ``Lanes``;
every ``+`` or ``np.tanh`` they meet emits the instruction instead of computing a number. Nothing of
it is left at run time, and Numba has no vector arithmetic to type, which keeps compiling quick.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic
from scipy.special import expit

from tsrnn.kernels.elementary import polynomial
from tsrnn.kernels.emitting import Emitted

INT32, INT64 = ir.IntType(32), ir.IntType(64)


class Machine(NamedTuple):
    """What the processor's vector unit looks like to the kernels."""

    vector_bytes: int
    tile_rows: int
    tile_vectors: int

    def lanes(self, dtype) -> int:
        return self.vector_bytes // np.dtype(dtype).itemsize


@functools.cache
def machine() -> Machine:
    """Widest vector that the compiler keeps in one register, and the register tile that fits.

    Asked of LLVM itself, for the very processor and features that Numba compiles for, so that
    ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` are honoured.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name = config.CPU_NAME or llvm.get_host_cpu_name()
    features = config.CPU_FEATURES
    if features is None:
        features = "" if config.CPU_NAME else llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    probe = target.create_target_machine(cpu=name, features=features).emit_assembly(_probe_module())
    if "%zmm" in probe:
        return Machine(vector_bytes=64, tile_rows=8, tile_vectors=3)
    if "%ymm" in probe:
        return Machine(vector_bytes=32, tile_rows=4, tile_vectors=3)
    return Machine(vector_bytes=16, tile_rows=4, tile_vectors=2)


def _probe_module():
    module = ir.Module()
    vector = ir.VectorType(ir.FloatType(), 16)
    function = ir.Function(module, ir.FunctionType(vector, [vector, vector]), "probe")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(builder.fadd(*function.args))
    return llvm.parse_assembly(str(module))


def lanes_of(pointer_type) -> int:
    return machine().vector_bytes // (pointer_type.dtype.bitwidth // 8)


@intrinsic
def lanes(typing_context, pointer):
    """Numbers in a vector of the buffer's precision, as a compile-time constant."""

    def codegen(context, builder, signature, arguments):
        return ir.Constant(INT64, lanes_of(pointer))

    return types.int64(pointer), codegen


class Lanes(Emitted):
    """A vector value in a function that is being built; arithmetic on it emits instructions."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder = builder
        self.value = value

    @property
    def type(self) -> ir.VectorType:
        return self.value.type

    @property
    def is_double(self) -> bool:
        return isinstance(self.type.element, ir.DoubleType)

    @classmethod
    def load(cls, builder: ir.IRBuilder, address: ir.Value, kind: ir.VectorType) -> "Lanes":
        loaded = builder.load(builder.bitcast(address, kind.as_pointer()))
        loaded.align = 4 if isinstance(kind.element, ir.FloatType) else 8
        return cls(builder, loaded)

    def store(self, address: ir.Value) -> None:
        stored = self.builder.store(
            self.value, self.builder.bitcast(address, self.type.as_pointer())
        )
        stored.align = 8 if self.is_double else 4

    @classmethod
    def splat(cls, builder: ir.IRBuilder, scalar: ir.Value, kind: ir.VectorType) -> "Lanes":
        """The same number in every lane, rounded to the vector's precision first."""
        if isinstance(scalar.type, ir.DoubleType) and isinstance(kind.element, ir.FloatType):
            scalar = builder.fptrunc(scalar, kind.element)
        undefined = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
        mask = ir.Constant(ir.VectorType(INT32, kind.count), [0] * kind.count)
        return cls(builder, builder.shuffle_vector(first, undefined, mask))

    def constant(self, number: float) -> "Lanes":
        scalar = float(np.float32(number)) if not self.is_double else float(number)
        return Lanes(self.builder, ir.Constant(self.type, [scalar] * self.type.count))

    def _coerce(self, other) -> "Lanes":
        return other if isinstance(other, Lanes) else self.constant(other)

    def _emit(self, instruction: str, left, right) -> "Lanes":
        left, right = self._coerce(left), self._coerce(right)
        emit = getattr(self.builder, instruction)
        return Lanes(self.builder, emit(left.value, right.value, flags=("contract",)))

    def __array_ufunc__(self, ufunc, method, *inputs):
        if method != "__call__" or ufunc not in _UFUNCS:
            return NotImplemented
        return _UFUNCS[ufunc](*(self._coerce(x) for x in inputs))

    def intrinsic(self, name: str, *operands: "Lanes") -> "Lanes":
        """Call LLVM's ``name`` on this vector and others of the same type."""
        suffix = f"v{self.type.count}f{64 if self.is_double else 32}"
        values = [self.value, *(operand.value for operand in operands)]
        function = self.builder.module.declare_intrinsic(
            f"{name}.{suffix}", (), ir.FunctionType(self.type, [self.type] * len(values))
        )
        return Lanes(self.builder, self.builder.call(function, values))

    def first(self, count: ir.Value) -> "Lanes":
        """The first lanes, as many as they are; 0 in the others."""
        integers = ir.VectorType(INT64, self.type.count)
        several = Lanes.splat(self.builder, count, integers).value
        order = ir.Constant(integers, list(range(self.type.count)))
        there = self.builder.icmp_signed("<", order, several)
        return Lanes(self.builder, self.builder.select(there, self.value, self.constant(0).value))

    def total(self) -> ir.Value:
        """Sum over the lanes, in double precision, in lane order."""
        total = ir.Constant(ir.DoubleType(), 0.0)
        for lane in range(self.type.count):
            element = self.builder.extract_element(self.value, ir.Constant(INT32, lane))
            if not self.is_double:
                element = self.builder.fpext(element, ir.DoubleType())
            total = self.builder.fadd(total, element)
        return total


def tanh(x: Lanes) -> Lanes:
    return _tanh_double(x) if x.is_double else _tanh_single(x)


# x P(x^2) / Q(x^2), highest power first: the smallest relative error on [-7.9, 7.9], found by least
# squares weighted anew until the largest errors are alike. Beyond it, tanh is 1 but for 3e-7. All
# errors, most of them of rounding, are below 3e-7.
_SINGLE_P = (1.54279878e-08, 2.2023256e-05, 0.00357899256, 0.134506211, 1.0)
_SINGLE_Q = (8.59878639e-07, 0.000342365151, 0.0261922404, 0.467839479, 1.0)
_SINGLE_BOUND = 7.9


def _tanh_single(x: Lanes) -> Lanes:
    x = _clip(x, _SINGLE_BOUND)
    square = x * x
    return x * polynomial(square, _SINGLE_P) / polynomial(square, _SINGLE_Q)


# tanh(x / 2) / 2, the 2s being part of the coefficients.
_SIGMOID_P = tuple(p / 4 ** (5 - i) for i, p in enumerate(_SINGLE_P))
_SIGMOID_Q = tuple(q / 4 ** (4 - i) for i, q in enumerate(_SINGLE_Q))


def sigmoid(x: Lanes) -> Lanes:
    if x.is_double:
        return tanh(x * 0.5) * 0.5 + 0.5
    x = _clip(x, 2 * _SINGLE_BOUND)
    square = x * x
    return x * polynomial(square, _SIGMOID_P) / polynomial(square, _SIGMOID_Q) + 0.5


# Moshier, Methods and Programs for Mathematical Functions (1989), the Cephes library.
_TANH_P = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
_TANH_Q = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)
_EXP_P = (1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1)
_EXP_Q = (
    3.00198505138664455042e-6,
    2.52448340349684104192e-3,
    2.27265548208155028766e-1,
    2.00000000000000000009e0,
)


def _tanh_double(x: Lanes) -> Lanes:
    """Error at most 2 units in the last place: a rational near 0, from exp elsewhere."""
    square = x * x
    near = x + x * square * polynomial(square, _TANH_P) / polynomial(square, _TANH_Q)
    far = 1.0 - 2.0 / (_exp_double(2.0 * _clip(absolute(x), 20.0)) + 1.0)
    signed = x.choose("<", x.constant(0.0), -far, far)
    return absolute(x).choose(">", x.constant(0.625), signed, near)


def _exp_double(x: Lanes) -> Lanes:
    """For 0 <= x <= 40, all that tanh asks for."""
    ratio, power = _exp_parts_double(x)
    integers, width = _integers(x)
    shifted = x.builder.shl(x.builder.fptosi(power.value, integers), _splat(integers, width))
    bits = x.builder.add(x.builder.bitcast(ratio.value, integers), shifted)
    return Lanes(x.builder, x.builder.bitcast(bits, x.type))


def _exp_parts_double(x: Lanes) -> tuple[Lanes, Lanes]:
    """``exp(x)`` as a number near 1 and a power of 2."""
    power = (x * 1.4426950408889634073599 + 0.5).intrinsic("llvm.floor")
    rest = x - power * 6.93145751953125e-1 - power * 1.42860682030941723212e-6
    square = rest * rest
    numerator = rest * polynomial(square, _EXP_P)
    return 1.0 + 2.0 * numerator / (polynomial(square, _EXP_Q) - numerator), power


# Cephes again.
_EXP_SINGLE = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)


def _exp_parts_single(x: Lanes) -> tuple[Lanes, Lanes]:
    power = (x * 1.44269504088896341 + 0.5).intrinsic("llvm.floor")
    rest = x - power * 0.693359375 - power * -2.12194440e-4
    return polynomial(rest, _EXP_SINGLE) * (rest * rest) + rest + 1.0, power


def exp(x: Lanes) -> Lanes:
    """Error at most 2 units in the last place; 0 and infinity beyond the range of the type."""
    parts, bound = (_exp_parts_double, 750.0) if x.is_double else (_exp_parts_single, 105.0)
    ratio, power = parts(_clip(x, bound))
    half = (power * 0.5).intrinsic("llvm.floor")  # a power of 2 may be no number, its root is one
    result = ratio * _power_of_two(half) * _power_of_two(power - half)
    return x.choose("==", x, result, x)


def _power_of_two(power: Lanes) -> Lanes:
    """2 to a whole number."""
    builder, (integers, width) = power.builder, _integers(power)
    exponent = builder.fptosi(power.value, integers)
    biased = builder.add(exponent, _splat(integers, _bias(power)))
    return Lanes(builder, builder.bitcast(builder.shl(biased, _splat(integers, width)), power.type))


def _integers(x: Lanes) -> tuple[ir.VectorType, int]:
    """Integers as wide as the numbers, and the bits of a number's fraction."""
    return ir.VectorType(INT64 if x.is_double else INT32, x.type.count), 52 if x.is_double else 23


def _bias(x: Lanes) -> int:
    """What is added to the exponent of a number in its bits."""
    return 1023 if x.is_double else 127


def _splat(integers: ir.VectorType, number: int) -> ir.Constant:
    return ir.Constant(integers, [number] * integers.count)


_LOG_P = (
    1.01875663804580931796e-4,
    4.97494994976747001425e-1,
    4.70579119878881725854e0,
    1.44989225341610930846e1,
    1.79368678507819816313e1,
    7.70838733755885391666e0,
)
_LOG_Q = (
    1.0,
    1.12873587189167450590e1,
    4.52279145837532221105e1,
    8.29875266912776603211e1,
    7.11544750618563894466e1,
    2.31251620126765340583e1,
)
_LOG_SINGLE = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)


def log(x: Lanes) -> Lanes:
    """Error at most 2 units in the last place; -infinity at 0, NaN below."""
    zero, infinity = x.constant(0.0), x.constant(np.inf)
    rest, power = _log_parts(x)
    square = rest * rest
    if x.is_double:
        tail = rest * (square * polynomial(rest, _LOG_P) / polynomial(rest, _LOG_Q))
    else:
        tail = rest * square * polynomial(rest, _LOG_SINGLE)
    result = rest + (tail - 2.121944400546905827679e-4 * power - 0.5 * square)
    result = result + 0.693359375 * power
    result = x.choose(">", zero, result, x.choose("==", zero, -infinity, x.constant(np.nan)))
    return x.choose("<", infinity, result, x)


def _log_parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """The rest and power of ``x = (1 + rest) 2^power``, the rest between -0.3 and 0.42."""
    builder, (integers, width) = x.builder, _integers(x)
    tiny = x.constant(np.finfo(np.float64 if x.is_double else np.float32).tiny)
    one, none = x.constant(1.0), x.constant(0.0)
    lifted = x.choose("<", tiny, x * 2.0**width, x)  # a denormal number has no exponent
    bits = builder.bitcast(lifted.value, integers)
    exponent = builder.sub(
        builder.lshr(bits, _splat(integers, width)), _splat(integers, _bias(x) - 1)
    )
    fraction = builder.or_(
        builder.and_(bits, _splat(integers, 2**width - 1)),
        _splat(integers, (_bias(x) - 1) << width),  # between 1/2 and 1
    )
    part = Lanes(builder, builder.bitcast(fraction, x.type))
    power = Lanes(builder, builder.sitofp(exponent, x.type))
    power = power - x.choose("<", tiny, x.constant(width), none)
    root = x.constant(0.5**0.5)
    return (
        part.choose("<", root, part + part, part) - 1.0,
        power - part.choose("<", root, one, none),
    )


def log1p(x: Lanes) -> Lanes:
    """log(1 + x), as accurate for small x: the rounding of 1 + x is made up for."""
    above = 1.0 + x
    there = above - 1.0
    result = log(above) * (x / there)
    result = there.choose("==", x.constant(0.0), x, result)
    return above.choose("==", x.constant(np.inf), above, result)


def _clip(x: Lanes, bound: float) -> Lanes:
    """Between -bound and bound; NaN stays."""
    low, high = x.constant(-bound), x.constant(bound)
    x = x.choose("<", low, low, x)
    return x.choose(">", high, high, x)


def absolute(x: Lanes) -> Lanes:
    return x.intrinsic("llvm.fabs")


def _sign(x: Lanes) -> Lanes:
    zero, one = x.constant(0.0), x.constant(1.0)
    return x.choose(">", zero, one, x.choose("<", zero, -one, x))


_UFUNCS: dict[np.ufunc, Callable] = {
    np.tanh: tanh,
    expit: sigmoid,
    np.exp: exp,
    np.log: log,
    np.log1p: log1p,
    np.sqrt: lambda x: x.intrinsic("llvm.sqrt"),
    np.absolute: absolute,
    np.sign: _sign,
    # A NaN in either operand stays, as in NumPy. llvm.maximum would do, but not in every LLVM.
    np.maximum: lambda x, y: y.choose("==", y, x.choose("<", y, y, x), y),
    np.minimum: lambda x, y: y.choose("==", y, x.choose(">", y, y, x), y),
}


_FLUSH_DENORMALS = 0x8040  # of x86's register for floating-point control


@intrinsic
def flush_denormals(typing_context):
    """Have numbers too small for full precision count as 0; returns the setting from before.

    Derivatives that vanish on their way through many steps become such numbers, and most
    processors take twenty times longer over them. Other processors than x86 are left as they are.
    """

    def codegen(context, builder, signature, arguments):
        if not _is_x86():
            return INT32(0)
        before = _control(builder, "stmxcsr")
        _control(builder, "ldmxcsr", builder.or_(before, INT32(_FLUSH_DENORMALS)))
        return before

    return types.int32(), codegen


@intrinsic
def restore_denormals(typing_context, before):
    """Go back to the setting that ``flush_denormals`` returned."""

    def codegen(context, builder, signature, arguments):
        if _is_x86():
            _control(builder, "ldmxcsr", arguments[0])
        return context.get_dummy_value()

    return types.void(types.int32), codegen


def _is_x86() -> bool:
    return llvm.get_process_triple().startswith(("x86_64", "i386", "i686"))


def _control(builder, instruction: str, value: ir.Value | None = None) -> ir.Value:
    """Set, or else read, the register for floating-point control."""
    byte = ir.IntType(8).as_pointer()
    place = cgutils.alloca_once(builder, INT32)
    if value is not None:
        builder.store(value, place)
    function = builder.module.declare_intrinsic(
        f"llvm.x86.sse.{instruction}", (), ir.FunctionType(ir.VoidType(), [byte])
    )
    builder.call(function, [builder.bitcast(place, byte)])
    return builder.load(place)


class Memory:
    """A buffer of numbers, read and written a vector at a time, at offsets counted in numbers."""

    def __init__(self, builder: ir.IRBuilder, pointer: ir.Value, lanes: int):
        self.builder = builder
        self.pointer = pointer
        self.kind = ir.VectorType(pointer.type.pointee, lanes)

    def load(self, offset) -> Lanes:
        return Lanes.load(self.builder, self.builder.gep(self.pointer, [offset]), self.kind)

    def store(self, value: Lanes, offset) -> None:
        value.store(self.builder.gep(self.pointer, [offset]))

    def load_all(self, first, stride, count: int) -> tuple[Lanes, ...]:
        """``count`` vectors, ``stride`` apart."""
        return tuple(self.load(offset) for offset in self._offsets(first, stride, count))

    def store_all(self, values: Sequence[Lanes], first, stride) -> None:
        for value, offset in zip(values, self._offsets(first, stride, len(values)), strict=True):
            self.store(value, offset)

    def splat(self, scalar: ir.Value) -> Lanes:
        return Lanes.splat(self.builder, scalar, self.kind)

    def _offsets(self, first, stride, count):
        for i in range(count):
            yield self.builder.add(first, self.builder.mul(ir.Constant(INT64, i), stride))
