"""SipHash-2-4 of 64 and 128 bits with key zero, from the paper and its reference: https://github.com/veorq/SipHash."""

from __future__ import annotations

MASK = (1 << 64) - 1


def rotate(word, bits):
    return ((word << bits) | (word >> (64 - bits))) & MASK


def rounds(v, times):
    """The paper's SipRound."""
    v0, v1, v2, v3 = v
    for _ in range(times):
        v0 = (v0 + v1) & MASK
        v1 = rotate(v1, 13) ^ v0
        v0 = rotate(v0, 32)
        v2 = (v2 + v3) & MASK
        v3 = rotate(v3, 16) ^ v2
        v0 = (v0 + v3) & MASK
        v3 = rotate(v3, 21) ^ v0
        v2 = (v2 + v1) & MASK
        v1 = rotate(v1, 17) ^ v2
        v2 = rotate(v2, 32)
    return [v0, v1, v2, v3]


def absorbed(data, v):
    """The state after all words of the message; the last one ends with the message's length."""
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        v = rounds(v, 2)
        v[0] ^= word
    return v


def initial(key):
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    return [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]


def folded(v):
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sip64(data, key=bytes(16)):
    v = absorbed(data, initial(key))
    v[2] ^= 0xFF
    return folded(rounds(v, 4))


def sip128(data, key=bytes(16)):
    """The two halves, first and second."""
    v = initial(key)
    v[1] ^= 0xEE
    v = absorbed(data, v)
    v[2] ^= 0xEE
    v = rounds(v, 4)
    first = folded(v)
    v[1] ^= 0xDD
    return first, folded(rounds(v, 4))
