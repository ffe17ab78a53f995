"""What exported Python files have in common beside the formula: horizons, groups, and saved states.

Their rules, for every target:

- A group's lr is its `initial_lr` times the factor. A group added later gets its lr as `initial_lr`;
  where an optimizer's loaded state has lost it, the scheduler's own record holds.
- An lr that something else sets between two steps is overwritten by the next, and said once.
- A state holds what belongs to the run: its count and its base lrs. The schedule is the file's and
  the horizon is the training's, whatever they were when the state was saved; a difference is said.
- A horizon that is unknown is refused in words. One without room for the schedule is refused as
  well, but that a host's smoke test of a few steps trains on at a constant lr, and says so.
"""

SMOKE_TEST_STEPS = 10

_OWN_HORIZON = '''\
def checked_horizon(total_steps):
    """The horizon, if it is known and the schedule has room on it."""
    if total_steps is None or not 1 <= total_steps < math.inf or total_steps != int(total_steps):
        raise ValueError(
            f"total_steps is {total_steps}, and must be a whole number of 1 or more: "
            "{unknown}"
        )
    factor(0, total_steps)  # which raises without room
    return int(total_steps)
'''

_HOSTS_HORIZON = '''\
SMOKE_TEST_STEPS = {smoke_test_steps}  # so short a training may be without room for the schedule


def checked_horizon(total_steps):
    """The horizon, if it is known and the schedule has room on it."""
    if total_steps is None or not 1 <= total_steps < math.inf or total_steps != int(total_steps):
        raise ValueError(
            f"total_steps is {total_steps}, and must be a whole number of 1 or more: "
            "{unknown}"
        )
    try:
        factor(0, total_steps)
    except ValueError as error:
        if total_steps > SMOKE_TEST_STEPS:
            raise
        warnings.warn(f"{error}. So short a training is taken for a smoke test: its lr is constant.")
    return int(total_steps)


def factor_at(step, total_steps):
    """The factor; 1 in a smoke test without room for the schedule."""
    try:
        return factor(step, total_steps)
    except ValueError:
        if total_steps > SMOKE_TEST_STEPS:
            raise
        return 1.0
'''

_GROUPS = '''\
def initial_lrs(groups, known):
    """Each group's own; a new group's is its lr, and `known` has those that a loaded optimizer lost."""
    for i, group in enumerate(groups):
        if "initial_lr" not in group:
            group["initial_lr"] = float(known[i] if i < len(known) else group["lr"])
            keep_apart(group)
    return [float(group["initial_lr"]) for group in groups]


def keep_apart(group):
    """A tensor lr may be shared with other groups and optimizer.defaults, and is filled in place."""
    if hasattr(group["lr"], "clone"):
        group["lr"] = group["lr"].clone()
'''

_STATE = '''\
def say_what_differs(state, total_steps):
    """The count is the run's; schedule and horizon are this file's and this training's."""
    saved_schedule = state.get("schedule", {unnamed})
    saved_steps = state.get("total_steps", total_steps)
    if saved_schedule != SCHEDULE:
        {say_other}
    if saved_steps != total_steps:
        warnings.warn(
            f"the state was saved in a training of {saved_steps} steps, this one has {total_steps}: lr "
            f"follows the schedule on {total_steps} steps from the next step on"
        )
'''
_WARN = """\
warnings.warn(
            f"the state is of another schedule, {saved_schedule}: lr follows this one, {SCHEDULE}, from the "
            "next step on"
        )"""
_REFUSE = """\
raise ValueError(
            f"the state is of another schedule, {saved_schedule}, and this is {SCHEDULE}; to go on with "
            "this one, load the optimizer's state and then: "
            "make_scheduler(optimizer, total_steps, last_epoch=state['last_epoch'] - 1)"
        )"""

_SCHEDULED_LR = '''\
class ScheduledLR(LRScheduler):
    """Each group's lr is its initial_lr times the factor; step() it once after each optimizer.step()."""

    lrs_at = None, []  # the step for which lrs were last set, and they
    said_that_others_set_it = False

    def __init__(self, optimizer, total_steps, last_epoch=-1):
        self.total_steps = checked_horizon(total_steps)
        for group in optimizer.param_groups:
            keep_apart(group)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        lrs = self.lrs_now()
        self.say_if_others_set_it(lrs)
        return lrs

    def lrs_now(self):
        now = {factor_at}(self.last_epoch, self.total_steps)
        self.base_lrs = initial_lrs(self.optimizer.param_groups, self.base_lrs)
        return [base_lr * now for base_lr in self.base_lrs]

    def say_if_others_set_it(self, lrs):
        """Once, where a group's lr is not the one of the step before."""
        (at, before), self.lrs_at = self.lrs_at, (self.last_epoch, lrs)
        if at != self.last_epoch - 1 or self.said_that_others_set_it:
            return
        for group, lr in zip(self.optimizer.param_groups, before):
            if isinstance(group["lr"], float) and group["lr"] != lr:
                self.said_that_others_set_it = True
                warnings.warn(
                    f"a group's lr was {group['lr']:g} where this schedule had set {lr:g}, by hand or by "
                    "another scheduler: each step sets it to its initial_lr times the factor; change "
                    'group["initial_lr"] to scale what is to come'
                )
                return

    def state_dict(self):
        return {
            "last_epoch": self.last_epoch,
            "total_steps": self.total_steps,
            "base_lrs": [float(base_lr) for base_lr in self.base_lrs],
            "schedule": SCHEDULE,
        }

    def load_state_dict(self, state_dict):
        """Go on at the saved count. The optimizer's lrs come with its own state."""
        say_what_differs(state_dict, self.total_steps)
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = self.last_epoch + 1
        self.base_lrs = list(state_dict["base_lrs"])[: len(self.optimizer.param_groups)]
        self.lrs_at = None, []  # the optimizer's own state may come with others
        if self.last_epoch >= 0:  # as a part of SequentialLR it may still wait
            self._last_lr = self.lrs_now()
'''

_OF_ONES_OWN = "give the number of optimizer steps"


def groups_and_state() -> str:
    """`initial_lrs`, `keep_apart` and `say_what_differs`, for hosts with a scheduler class of their own."""
    return _joined(_GROUPS, _STATE.replace("{say_other}", _WARN).replace("{unnamed}", "SCHEDULE"))


def groups() -> str:
    """`initial_lrs` and `keep_apart` alone, for hosts that save no state of ours."""
    return _GROUPS.rstrip()


def hosts_horizon(unknown: str) -> str:
    """`checked_horizon` and `factor_at`; `unknown` is what to do where the host knows no length."""
    text = _HOSTS_HORIZON.replace("{smoke_test_steps}", str(SMOKE_TEST_STEPS))
    return text.replace("{unknown}", unknown).rstrip()


def scheduler_of_ones_own() -> str:
    """`ScheduledLR` and what it needs, for a loop of one's own: it refuses what it can't follow."""
    # what this file saved before its states had a name was a LambdaLR's
    unnamed = 'SCHEDULE if "lr_lambdas" in state else "without a name"'
    state = _STATE.replace("{say_other}", _REFUSE).replace("{unnamed}", unnamed)
    horizon = _OWN_HORIZON.replace("{unknown}", _OF_ONES_OWN)
    return _joined(horizon, _GROUPS, state, _SCHEDULED_LR.replace("{factor_at}", "factor"))


def scheduler_of_host(unknown: str) -> str:
    """`ScheduledLR` for a host that makes, saves and loads it by itself."""
    scheduler = _SCHEDULED_LR.replace("{factor_at}", "factor_at")
    return _joined(hosts_horizon(unknown), groups_and_state(), scheduler)


def _joined(*parts: str) -> str:
    return "\n\n\n".join(part.rstrip() for part in parts)
