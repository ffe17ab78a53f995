"""The factors of a run's schedule one by one, as a scheduler asks for them: fast, at any length.

They are computed a block at a time, so that a long horizon costs no memory and a step no numpy call.
"""

from array import array

from warmboot.retargeted_schedule import RetargetedSchedule

_BLOCK_STEPS = 4096


class FactorBlocks:
    """A run's schedule and the block of its factors that was last asked for; a copy carries no block."""

    def __init__(self, run_schedule: RetargetedSchedule) -> None:
        self.run_schedule = run_schedule
        # an array gives Python floats, and faster than numpy does
        self._block: array[float] = array("d")
        self._block_start = 0

    def at(self, step: int) -> float:
        """The factor at a step, 0 or more; past the end the last one."""
        at = step - self._block_start
        if 0 <= at < len(self._block):
            return self._block[at]
        return self._elsewhere(step)

    def __reduce__(self) -> tuple[type["FactorBlocks"], tuple[RetargetedSchedule]]:
        return FactorBlocks, (self.run_schedule,)

    def _elsewhere(self, step: int) -> float:
        total_steps = self.run_schedule.total_steps
        step = min(step, total_steps - 1)
        start = step - step % _BLOCK_STEPS
        if start != self._block_start or not self._block:
            factors = self.run_schedule.factors_between(start, min(start + _BLOCK_STEPS, total_steps))
            self._block, self._block_start = array("d", factors.tobytes()), start
        return self._block[step - start]
