"""Bytes in the IDX format: what is none, or another's, is refused with the reason."""

from __future__ import annotations

import pytest

from search.proxies.idx_files import parse_idx

TWO_BY_THREE = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3])


def test_numbers_come_in_the_shape_asked_for() -> None:
    assert parse_idx(TWO_BY_THREE + bytes(range(6)), shape=(2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "are none"),
        (b"\x1f\x8b\x08", "are 1f8b08"),  # compressed still
        (bytes([0, 0, 13]) + TWO_BY_THREE[3:], "must be 000008020000000200000003"),  # floats
        (
            bytes([0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 2, *range(6)]),
            r"of shape \(2, 3\), but are 0000080200000003",
        ),
        (TWO_BY_THREE + bytes(5), "must hold 6 numbers after its header but holds 5"),
        (TWO_BY_THREE + bytes(7), "must hold 6 numbers after its header but holds 7"),
    ],
)
def test_what_is_none_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_idx(content, shape=(2, 3))
