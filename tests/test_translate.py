"""What the virtual GPU makes of single instructions: what the PTX ISA says of them."""

import ctypes
import re
import struct

import pytest
from virtual_gpu import HERE, build, no_compiler
from virtual_gpu.translate import translate

MISSING = no_compiler()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

KERNEL = """
.visible .entry instruction(
    .param .u64 numbers
)
{{
    .reg .pred %p<4>;
    .reg .f32 %f<4>;
    .reg .f64 %fd<4>;
    .reg .b32 %r<4>;
    .reg .b64 %rd<8>;
    ld.param.u64 %rd7, [numbers];
{lines}
    ret;
}}
"""
KINDS = {"f": ("f32", "f"), "fd": ("f64", "d"), "r": ("b32", "I"), "rd": ("b64", "Q")}
NAN, INF = float("nan"), float("inf")


def run(folder, code, inputs, output):
    """What is in a register after a line of PTX; the others have inputs before it."""
    numbers, lines = bytearray(64), []
    for i, (register, value) in enumerate(inputs.items()):
        kind, letter = KINDS[re.match(r"%(\D+)", register)[1]]
        numbers[8 * i : 8 * i + 8] = struct.pack(f"<{letter}", value).ljust(8, b"\0")
        lines.append(f"    ld.global.{kind} {register}, [%rd7+{8 * i}];")
    kind, letter = KINDS[re.match(r"%(\D+)", output)[1]]
    lines += [f"    {code}", f"    st.global.{kind} [%rd7+56], {output};"]
    source, memory = folder / "kernel.c", folder / "memory.c"
    source.write_text(translate(KERNEL.format(lines="\n".join(lines))).code)
    memory.write_text(
        '#include "machine.h"\nint is_allocated(uint64_t a, size_t n) { return 1; }\n'
    )
    library = ctypes.CDLL(build(folder / "kernel.so", source, memory, HERE / "blocks.c"))
    place = ctypes.create_string_buffer(bytes(numbers), 64)
    address = ctypes.c_uint64(ctypes.addressof(place))
    arguments = (ctypes.c_void_p * 1)(ctypes.addressof(address))
    assert library.run_grid(library.kernel, 1, 1, 32, 0, 0, arguments) == 0
    return struct.unpack_from(f"<{letter}", place.raw, 56)[0]


@pytest.mark.parametrize(
    ("code", "inputs", "wanted"),
    [
        ("cvt.rna.tf32.f32 %r0, %f1;", {"%f1": 1 + 2**-11}, 0x3F802000),
        ("cvt.rna.tf32.f32 %r0, %f1;", {"%f1": NAN}, 0x7FFFFFFF),
        ("cvt.rna.tf32.f32 %r0, %f1;", {"%f1": -INF}, 0xFF800000),
        ("cvt.rzi.s64.f32 %rd0, %f1;", {"%f1": -2.7}, 2**64 - 2),
        ("cvt.rzi.s64.f32 %rd0, %f1;", {"%f1": NAN}, 2**63),
        ("cvt.rzi.s32.f32 %r0, %f1;", {"%f1": NAN}, 0),
        ("cvt.rzi.s32.f32 %r0, %f1;", {"%f1": 1e20}, 2**31 - 1),
        ("cvt.sat.f32.f32 %f0, %f1;", {"%f1": NAN}, 0.0),
        ("cvt.rn.f32.s64 %f0, %rd1;", {"%rd1": 2**64 - 3}, -3.0),
        ("cvt.s64.s32 %rd0, %r1;", {"%r1": 2**32 - 1}, 2**64 - 1),
        ("cvt.u64.u32 %rd0, %r1;", {"%r1": 2**32 - 1}, 2**32 - 1),
        ("add.rz.f32 %f0, %f1, %f2;", {"%f1": 1.0, "%f2": -(2.0**-40)}, 1 - 2**-24),
        ("fma.rm.f32 %f0, %f1, %f2, %f3;", {"%f1": 1.0, "%f2": 1.0, "%f3": 2.0**-40}, 1.0),
        ("fma.rn.f32 %f0, %f1, %f1, %f2;", {"%f1": 1 + 2**-12, "%f2": -1.0}, 2**-11 + 2**-24),
        ("copysign.f32 %f0, %f1, %f2;", {"%f1": -1.0, "%f2": 3.0}, -3.0),
        ("min.f32 %f0, %f1, %f2;", {"%f1": NAN, "%f2": 2.0}, 2.0),
        ("max.s64 %rd0, %rd1, -1;", {"%rd1": 2**64 - 5}, 2**64 - 1),
        ("shl.b32 %r0, %r1, %r2;", {"%r1": 1, "%r2": 32}, 0),
        ("shr.s64 %rd0, %rd1, %r2;", {"%rd1": 2**63, "%r2": 64}, 2**64 - 1),
        ("shr.u64 %rd0, %rd1, 60;", {"%rd1": 2**63}, 8),
        ("mul.hi.u32 %r0, %r1, %r1;", {"%r1": 2**32 - 1}, 2**32 - 2),
        ("mul.wide.s32 %rd0, %r1, 3;", {"%r1": 2**32 - 1}, 2**64 - 3),
        ("mad.lo.s32 %r0, %r1, %r1, %r2;", {"%r1": 2**31 - 1, "%r2": 5}, 6),
        ("rem.s64 %rd0, %rd1, 4;", {"%rd1": 2**64 - 7}, 2**64 - 3),
        ("bfi.b64 %rd0, %rd1, %rd2, 5, 59;", {"%rd1": 3, "%rd2": 31}, 127),
        ("mov.b32 %r0, %f1;", {"%f1": 1.0}, 0x3F800000),
        ("mov.b64 %rd0, {%r1, %r2};", {"%r1": 1, "%r2": 2}, 2**33 + 1),
        ("selp.b32 %f0, %r1, 0, %p1;", {"%r1": 0x3F800000}, 0.0),
        ("add.s64 %rd0, %rd1, -1;", {"%rd1": 0}, 2**64 - 1),
        ("neg.s64 %rd0, %rd1;", {"%rd1": 5}, 2**64 - 5),
        ("not.b64 %rd0, %rd1;", {"%rd1": 0}, 2**64 - 1),
    ],
    ids=lambda each: each.split()[0] if isinstance(each, str) else None,
)
def test_instructions(tmp_path, code, inputs, wanted):
    output = re.match(r"\S+ ([^,]+),", code)[1]
    if "selp" in code:
        code = "setp.gt.f32 %p1, %f3, %f3; " + code
    assert run(tmp_path, code, inputs, output) == wanted


@pytest.mark.parametrize(
    ("comparison", "left", "right", "wanted"),
    [
        ("lt.f32", 1.0, NAN, 0),
        ("ltu.f32", 1.0, NAN, 1),
        ("geu.f32", 1.0, 2.0, 0),
        ("ne.f32", 1.0, NAN, 0),
        ("neu.f32", 1.0, 1.0, 0),
        ("nan.f32", 1.0, NAN, 1),
        ("num.f32", 1.0, NAN, 0),
        ("eq.f32", 0.0, -0.0, 1),
    ],
)
def test_comparisons(tmp_path, comparison, left, right, wanted):
    code = f"setp.{comparison} %p1, %f1, %f2; selp.u32 %r0, 1, 0, %p1;"
    assert run(tmp_path, code, {"%f1": left, "%f2": right}, "%r0") == wanted


@pytest.mark.parametrize(
    "code",
    [
        "add.sat.f32 %f0, %f1, %f2;",
        "fma.rn.ftz.f32 %f0, %f1, %f2, %f3;",
        "sin.approx.f32 %f0, %f1;",
        "bar.warp.sync 31;",
        "bar.sync 1, 64;",
        "ld.volatile.global.f32 %f0, [%rd7];",
        "add.f32 %rd0, %f1, %f2;",
        "add.f32 %f0, %f1",
    ],
)
def test_what_is_not_known_is_refused(tmp_path, code):
    """With its line, rather than taken for what it resembles."""
    with pytest.raises(NotImplementedError, match=r"^line 12: "):
        run(tmp_path, code, {}, "%r0")


def test_division_by_zero_fails(tmp_path, capfd):
    with pytest.raises(AssertionError):
        run(tmp_path, "div.s64 %rd0, %rd1, %rd2;", {"%rd1": 1, "%rd2": 0}, "%rd0")
    assert "division by 0 at 0: line 14 of the PTX" in capfd.readouterr().err
