"""PTX to C: a kernel becomes ``void kernel(struct thread *)``, which one thread of a block runs.

As much of the language as numba-cuda's compiler writes for the kernels here, and nothing more: an
instruction that is not known is an error. See NVIDIA's "Parallel Thread Execution ISA".
"""

import re
from typing import NamedTuple

C_TYPES = {
    **{f"{letter}{bits}": f"uint{bits}_t" for letter in "bu" for bits in (8, 16, 32, 64)},
    **{f"s{bits}": f"int{bits}_t" for bits in (8, 16, 32, 64)},
    "f32": "float",
    "f64": "double",
    "pred": "int",
}
SPECIAL = {
    "%tid.x": "number",
    "%ctaid.x": "block_number",
    "%ntid.x": "of_block",
    "%nctaid.x": "of_grid",
    "%dynamic_smem_size": "dynamic",
}
OPERATORS = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^", "div": "/", "rem": "%"}
COMPARISONS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
# Those that a device approximates are more exact here, and do not flush small numbers to 0.
APPROXIMATE = ("rcp", "ex2", "lg2")
FUNCTIONS = {
    ("sqrt", "f32"): "sqrtf({})",
    ("sqrt", "f64"): "sqrt({})",
    ("rcp", "f32"): "1.0f / {}",
    ("rcp", "f64"): "1.0 / {}",
    ("ex2", "f32"): "exp2f({})",
    ("lg2", "f32"): "log2f({})",
    ("abs", "f32"): "fabsf({})",
    ("abs", "f64"): "fabs({})",
    ("abs", "s32"): "abs({})",
    ("abs", "s64"): "llabs({})",
    ("neg", "f32"): "-{}",
    ("neg", "f64"): "-{}",
    ("neg", "s32"): "-{}",
    ("neg", "s64"): "-{}",
    ("copysign", "f32"): "copysignf({1}, {0})",  # the sign of the first
    ("copysign", "f64"): "copysign({1}, {0})",
    ("fma", "f32"): "fmaf({}, {}, {})",
    ("fma", "f64"): "fma({}, {}, {})",
    ("min", "f32"): "fminf({}, {})",
    ("max", "f32"): "fmaxf({}, {})",
    ("min", "f64"): "fmin({}, {})",
    ("max", "f64"): "fmax({}, {})",
}
DIRECTIONS = {"rm": "FE_DOWNWARD", "rp": "FE_UPWARD", "rz": "FE_TOWARDZERO"}
ROUNDINGS = {"rzi": "trunc", "rmi": "floor", "rpi": "ceil", "rni": "rint"}

HEAD = """
#include "machine.h"

#include <fenv.h>

#define BITS(kind, number) \\
    ({ __typeof__(number) n_ = number; kind v_; memcpy(&v_, &n_, sizeof v_); v_; })
#define LIMITED(kind, number, least, most, nan) \\
    ({ double n_ = number; n_ != n_ ? nan : n_ <= least ? least : n_ >= most ? most : (kind)n_; })
#define TF32(bits) \\
    ({ uint32_t n_ = bits; \\
       (n_ & ~0x80000000u) > 0x7f800000u ? 0x7fffffffu : (n_ + 0x1000u) & ~0x1fffu; })

void kernel(struct thread *t)
{
"""


class Kernel(NamedTuple):
    """One in C."""

    name: str
    code: str
    shared: int
    """Bytes of a block's memory, beside what it is launched with."""


def translate(ptx: str) -> Kernel:
    """The only kernel of a module, into which all else has been inlined."""
    ptx = re.sub(r"//.*", "", ptx)
    (entry,) = re.finditer(r"\.visible\s+\.entry\s+(\S+?)\s*\(([^)]*)\)", ptx)
    places, shared = _shared(ptx)
    arguments = re.findall(r"\.param\s+\.\w+\s+([^\s,]+)", entry[2])
    body = ptx[ptx.index("{", entry.end()) + 1 : ptx.rindex("}")]
    function = _Function(places, {name: i for i, name in enumerate(arguments)})
    first_line = ptx[: ptx.index("{", entry.end())].count("\n") + 1
    lines = [
        function.statement(statement.strip(), number)
        for number, line in enumerate(body.split("\n"), first_line)
        for statement in re.findall(r"\{$|\}$|[^;:]+[;:]|.+", line.strip())
    ]
    return Kernel(entry[1], HEAD + "\n".join(lines) + "\n}\n", shared)


def _shared(ptx: str) -> tuple[dict[str, int], int]:
    """Where arrays of a block's memory begin, and their size; one without a size comes last."""
    places, size = {}, 0
    found = re.findall(r"\.shared\s+\.align\s+(\d+)\s+\.b8\s+(\S+?)\[(\d*)\]", ptx)
    for _, name, length in sorted(found, key=lambda each: each[2] == ""):
        size = -(-size // 16) * 16
        places[name] = size
        size += int(length or 0)
    return places, -(-size // 16) * 16


class _Function:
    """Statements of one kernel; registers are variables."""

    def __init__(self, shared: dict[str, int], arguments: dict[str, int]):
        self.shared, self.arguments = shared, arguments
        self.registers: dict[str, str] = {}
        self.line = 0

    def statement(self, text: str, line: int) -> str:
        self.line = line
        if text.endswith(":"):
            return text.replace("$", "_") + ";"
        if text in ("{", "}"):
            return text
        if text.startswith(".pragma"):  # for the assembler
            return ""
        declared = re.fullmatch(r"\.reg\s+\.(\w+)\s+%(\w+?)(?:<(\d+)>)?;", text)
        if declared:
            kind, name, count = declared.groups()
            self.registers[name] = kind
            names = [f"{name}{i}" for i in range(int(count))] if count else [name]
            return f"{C_TYPES[kind]} {', '.join(names)};"
        found = re.fullmatch(r"(?:@(!?%\w+)\s+)?([\w.]+)\s*(.*?);", text)
        if found is None:
            raise self.unknown(text)
        guard, name, rest = found.groups()
        condition = f"if ({guard.replace('%', '')}) " if guard else ""
        return f"{condition}{{ {self.instruction(name, _operands(rest))} }}"

    def instruction(self, name: str, operands: list[str]) -> str:
        first, *modifiers = name.split(".")
        kind = modifiers[-1] if modifiers else ""
        known = getattr(self, "_" + first, None)
        if known is not None:
            return known(kind, modifiers, *operands)
        approximate = ("approx", "ftz") if first in APPROXIMATE else ()
        self.only(name, modifiers[:-1], "rn", *DIRECTIONS, *approximate)
        target, *values = operands
        names = [f"x{i}_" for i in range(len(values))]
        if (first, kind) in FUNCTIONS:
            result = FUNCTIONS[first, kind].format(*names)
        elif first in OPERATORS:
            result = f"{names[0]} {OPERATORS[first]} {names[1]}"
        elif first in ("min", "max"):
            result = "{0} {2} {1} ? {0} : {1}".format(*names, "<" if first == "min" else ">")
        else:
            raise self.unknown(name)
        direction = next((DIRECTIONS[each] for each in modifiers if each in DIRECTIONS), None)
        return self.computed(target, kind, result, values, first in ("div", "rem"), direction)

    def computed(self, target, kind, result, values, divided, direction) -> str:
        """An expression of x0_, x1_, ..., perhaps rounded in a direction."""
        volatile = "volatile " if direction else ""  # not before the direction is set, nor after
        code = "".join(
            f"{volatile}{C_TYPES[kind]} x{i}_ = {self.value(each, kind)}; "
            for i, each in enumerate(values)
        )
        if divided and kind[0] != "f":
            code += f'if (!x1_) fail(t, "division by 0", 0, {self.line}); '
        if not direction:
            return code + self.put(target, kind, result)
        code += f"fesetround({direction}); volatile {C_TYPES[kind]} r_ = {result}; "
        return code + "fesetround(FE_TONEAREST); " + self.put(target, kind, "r_")

    def unknown(self, *what: object) -> NotImplementedError:
        """To be raised: rather no answer than that of another instruction."""
        return NotImplementedError(" ".join(map(str, (f"line {self.line}:", *what))))

    def only(self, name: str, found: list[str], *known: str) -> None:
        """Refuse what is not known."""
        if not {*found} <= {*known}:
            raise self.unknown(name, found)

    def put(self, target: str, kind: str, value: str) -> str:
        """Into a register: bits into one of another kind."""
        of, same = self.kind_of(target, kind)
        if same:
            return f"{_name(target)} = {value};"
        if of[1:] != kind[1:]:
            raise self.unknown(kind, target)
        return f"{_name(target)} = BITS({C_TYPES[of]}, ({C_TYPES[kind]})({value}));"

    # Operands

    def kind_of(self, register: str, kind: str) -> tuple[str, bool]:
        """That of a register, and whether it is the same, or a whole number as well."""
        of = self.registers[re.match(r"%(\D+)", register)[1]]
        return of, of == kind or {of[0], kind[0]} <= {*"bus"}

    def value(self, text: str, kind: str) -> str:
        """An expression of a kind."""
        c_type = C_TYPES[kind]
        if text in SPECIAL:
            return f"(({c_type})t->{SPECIAL[text]})"
        if text in self.shared:
            return f"(({c_type}){self.shared[text]})"
        if text.startswith(("0f", "0d")):
            return f"BITS({c_type}, (uint{4 * len(text) - 8}_t)0x{text[2:]}u)"
        if not text.startswith("%"):
            return f"(({c_type}){text}ll)"
        _, same = self.kind_of(text, kind)
        return f"(({c_type}){_name(text)})" if same else f"BITS({c_type}, {_name(text)})"

    def address(self, text: str) -> str:
        base, _, offset = text.strip("[]").partition("+")
        return f"{self.value(base, 'u64')} + ({offset or 0})"

    def memory(self, space: str, address: str, size: int) -> str:
        """A pointer to so many bytes, which are looked at first."""
        return f"{space}_at(t, {self.address(address)}, {size}, {self.line})"

    # Instructions that are not an expression of their operands

    def _ld(self, kind, modifiers, target, source):
        looks = modifiers[:2] == ["relaxed", "gpu"]  # what another block may write meanwhile
        if looks:
            modifiers = ["global", *modifiers[2:]]
        self.only("ld", modifiers[:-1], "param", "global", "shared", "v2", "v4")
        targets, size = _parts(target), int(kind[1:]) // 8
        if modifiers[0] == "param":
            pointer = f"t->arguments[{self.arguments[source.strip('[]')]}]"
        else:
            pointer = self.memory(modifiers[0], source, size * len(targets))
        loaded = [self.put(each, kind, f"p_[{i}]") for i, each in enumerate(targets)]
        others = "let_others_run(t); " * looks
        return f"{others}{C_TYPES[kind]} *p_ = {pointer}; " + " ".join(loaded)

    def _st(self, kind, modifiers, target, source):
        self.only("st", modifiers[:-1], "global", "shared", "v2", "v4")
        sources, size = _parts(source), int(kind[1:]) // 8
        pointer = self.memory(modifiers[0], target, size * len(sources))
        stored = [f"p_[{i}] = {self.value(each, kind)};" for i, each in enumerate(sources)]
        return f"{C_TYPES[kind]} *p_ = {pointer}; " + " ".join(stored)

    def _atom(self, kind, modifiers, target, address, value):
        if modifiers[:2] != ["global", "add"]:
            raise self.unknown("atom", modifiers)
        pointer = self.memory("global", address, int(kind[1:]) // 8)
        added = f"{_name(target)} = *p_; *p_ += {self.value(value, kind)};"
        return f"let_others_run(t); {C_TYPES[kind]} *p_ = {pointer}; {added}"

    def _bar(self, _kind, modifiers, *which):
        if (modifiers, which) != (["sync"], ("0",)):
            raise self.unknown("bar", modifiers, which)
        return f"wait_for_block(t, {self.line});"

    def _fence(self, *_):
        return ""  # threads take turns, and see at once what others have written

    def _bra(self, _kind, _modifiers, label):
        return f"goto {label.replace('$', '_')};"

    def _ret(self, *_):
        return "return;"

    def _mov(self, kind, _modifiers, target, source):
        if "{" in target + source and kind != "b64":
            raise self.unknown("mov", kind, target, source)
        if target.startswith("{"):
            low, high = map(_name, _parts(target))
            bits = f"uint64_t v_ = {self.value(source, 'b64')};"
            return f"{bits} {low} = (uint32_t)v_; {high} = (uint32_t)(v_ >> 32);"
        if source.startswith("{"):
            low, high = (self.value(each, "u32") for each in _parts(source))
            source = f"((uint64_t){high} << 32 | {low})"
        else:
            source = self.value(source, kind)
        return self.put(target, kind, source)

    def _cvta(self, _kind, _modifiers, target, source):
        return f"{_name(target)} = {self.value(source, 'u64')};"

    def _cvt(self, kind, modifiers, target, source):
        to, number = modifiers[-2], self.value(source, kind)
        if modifiers == ["rna", "tf32", "f32"]:
            return self.put(target, "b32", f"TF32(BITS(uint32_t, {number}))")
        if modifiers == ["sat", "f32", "f32"]:
            return f"{_name(target)} = fminf(fmaxf({number}, 0.0f), 1.0f);"
        self.only("cvt", modifiers[:-2], "rn", *ROUNDINGS)
        rounding = next((ROUNDINGS[each] for each in modifiers if each in ROUNDINGS), None)
        if rounding:
            number = f"{rounding}((double){number})"
        if kind[0] == "f" and to[0] != "f":
            least = "0" if to[0] == "u" else f"INT{to[1:]}_MIN"
            most = f"UINT{to[1:]}_MAX" if to[0] == "u" else f"INT{to[1:]}_MAX"
            nan = f"1ull << {int(to[1:]) - 1}" if "64" in to + kind else "0"
            number = f"LIMITED({C_TYPES[to]}, {number}, {least}, {most}, ({C_TYPES[to]})({nan}))"
        return self.put(target, to, f"({C_TYPES[to]}){number}")

    def _setp(self, kind, modifiers, target, left, right):
        comparison, _ = modifiers
        left, right = self.value(left, kind), self.value(right, kind)
        nan = f"({left} != {left} || {right} != {right})"
        if comparison in ("nan", "num"):
            return f"{_name(target)} = {nan} == {int(comparison == 'nan')};"
        result = f"{left} {COMPARISONS[comparison.removesuffix('u')]} {right}"
        if comparison.endswith("u"):
            result += f" || {nan}"
        elif kind[0] == "f" and comparison == "ne":
            result += f" && !{nan}"
        return f"{_name(target)} = {result};"

    def _selp(self, kind, _modifiers, target, yes, no, condition):
        yes, no = self.value(yes, kind), self.value(no, kind)
        return self.put(target, kind, f"{_name(condition)} ? {yes} : {no}")

    def _not(self, kind, _modifiers, target, source):
        return f"{_name(target)} = {'!' if kind == 'pred' else '~'}{self.value(source, kind)};"

    def _shl(self, kind, _modifiers, target, value, by):
        value, by = self.value(value, kind), self.value(by, "u32")
        return f"{_name(target)} = {by} < {kind[1:]} ? {value} << {by} : 0;"

    def _shr(self, kind, _modifiers, target, value, by):
        value, by, bits = self.value(value, kind), self.value(by, "u32"), int(kind[1:])
        rest = f"{value} >> {bits - 1}" if kind[0] == "s" else "0"
        return f"{_name(target)} = {by} < {bits} ? {value} >> {by} : {rest};"

    def _bfi(self, kind, _modifiers, target, inserted, into, first, count):
        """Some bits of one number take the place of those of another."""
        if not (first.isdigit() and count.isdigit() and int(count) < int(kind[1:])):
            raise self.unknown("bfi", first, count)
        mask = f"(((({C_TYPES[kind]})1 << {count}) - 1) << {first})"
        kept, new = self.value(into, kind), self.value(inserted, kind)
        return f"{_name(target)} = ({kept} & ~{mask}) | (({new} << {first}) & {mask});"

    def _mul(self, kind, modifiers, target, left, right):
        if kind[0] != "f":
            return self._mad(kind, modifiers, target, left, right, "0")
        self.only("mul", modifiers[:-1], "rn")
        return self.put(target, kind, f"{self.value(left, kind)} * {self.value(right, kind)}")

    def _mad(self, kind, modifiers, target, left, right, added):
        if modifiers[0] not in ("lo", "hi", "wide"):
            raise self.unknown("mad", modifiers)
        bits = int(kind[1:])
        left, right = self.value(left, kind), self.value(right, kind)
        if modifiers[0] == "wide":
            wide = kind[0] + str(2 * bits)
            product = f"({C_TYPES[wide]}){left} * {right}"
            return f"{_name(target)} = {product} + {self.value(added, wide)};"
        product = f"(__int128){left} * {right}" if modifiers[0] == "hi" else f"{left} * {right}"
        shift = f" >> {bits}" if modifiers[0] == "hi" else ""
        return f"{_name(target)} = (({product}){shift}) + {self.value(added, kind)};"

    def _mma(self, _kind, modifiers, target, a, b, c):
        if ".".join(modifiers) != "sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32":
            raise self.unknown("mma", modifiers)
        a, b, c = (
            ", ".join(self.value(each, kind) for each in _parts(operands))
            for kind, operands in (("b32", a), ("b32", b), ("f32", c))
        )
        arrays = f"uint32_t a_[] = {{{a}}}, b_[] = {{{b}}}; float c_[] = {{{c}}};"
        taken = [f"{_name(each)} = c_[{i}];" for i, each in enumerate(_parts(target))]
        return " ".join([arrays, "multiply_tf32(t, a_, b_, c_);", *taken])


def _operands(text: str) -> list[str]:
    """Of an instruction; those in braces are one."""
    return re.findall(r"\{[^}]*\}|[^\s,]+", text)


def _parts(operand: str) -> list[str]:
    return _operands(operand.strip("{}"))


def _name(register: str) -> str:
    """The variable."""
    return register.removeprefix("%")
