"""Times as people write them."""

from __future__ import annotations

import pytest

from search.durations import parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("8h", 28_800),
        ("2d", 172_800),
        ("1h30m", 5400),
        (" 1 h 30 m ", 5400),
        ("0.5h", 1800),
        ("1.5s", 1.5),
        (90, 90),
        (0.25, 0.25),
    ],
)
def test_a_time_is_read(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "8",
        "h",
        "8 hours",
        "30m1h",
        "-5m",
        "1e3s",
        "0s",
        0,
        -1,
        True,
        None,
        [],
        float("nan"),
        float("inf"),
        10**400,
        "400d",
        "٣m",
    ],
)
def test_what_is_no_time_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match='accepted is a time above 0 and at most a year, such as "90s"'):
        parse_duration(written)
