"""The IDX format, in which MNIST and its kin come: bytes read strictly, so that no other file passes for one.

A file begins with two zero bytes, the type of its numbers (8: unsigned bytes, the only one here), how many
dimensions there are, and the length of each as a big-endian 32-bit integer; the numbers follow, the last
dimension fastest, and nothing after them.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

UNSIGNED_BYTES = 8


def parse_idx(content: bytes, *, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The numbers of an IDX file.

    Args:
        content: of the file, decompressed.
        shape: that they must have.

    Raises:
        ValueError: the content is no IDX file of unsigned bytes in this shape; with the reason.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), shape=(2,))
    array([7, 9], dtype=uint8)
    """
    n_header = 4 + 4 * len(shape)
    wanted = struct.pack(f">BBBB{len(shape)}I", 0, 0, UNSIGNED_BYTES, len(shape), *shape)
    if content[:n_header] != wanted:
        raise ValueError(
            f"its first {n_header} bytes must be {wanted.hex()}, which is unsigned bytes of shape {shape}, "
            f"but are {content[:n_header].hex() or 'none'}"
        )
    n_numbers = len(content) - n_header
    if n_numbers != math.prod(shape):
        raise ValueError(f"it must hold {math.prod(shape)} numbers after its header but holds {n_numbers}")
    return np.frombuffer(content, dtype=np.uint8, offset=n_header).reshape(shape)
