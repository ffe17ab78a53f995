"""The failures of a launch, a line each."""

from __future__ import annotations

from search.launch.failure_lines import FailureLines


def test_a_reason_is_told_in_full_once() -> None:
    lines = FailureLines()
    why = "never attached: it reported step 40 and had not called warmboot.attach"
    told = [lines.line({"trials": [number], "reason": why}) for number in range(3)]
    assert told[0] == f"trial 0 failed: {why}"
    assert told[2] == "trial 2 failed: again: 3 x never attached: it reported step 40 and ..."
    assert lines.line({"trials": [3, 4], "reason": "no disk"}) == "trials 3, 4 failed: no disk"
