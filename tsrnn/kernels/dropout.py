"""Dropout masks that depend on nothing but a seed and the place in the network.

A mask is a hash of (seed, element), so that the backward pass, another thread, another machine and
the reference all find the same one without keeping it.
"""

# SplitMix64 (Steele, Lea & Flood, 2014): increment and the two multipliers of its mixing function.
_INCREMENT = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def random_bits(seed, element):
    """63 uniform bits for each element. All arguments are unsigned 64-bit numbers or arrays."""
    kind = type(seed)
    x = seed + element * kind(_INCREMENT)
    x = (x ^ (x >> kind(30))) * kind(_FIRST)
    x = (x ^ (x >> kind(27))) * kind(_SECOND)
    return (x ^ (x >> kind(31))) >> kind(1)
