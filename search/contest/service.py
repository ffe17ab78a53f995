"""From a study in its database to a verdict on its leader, kept there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from optuna.trial import FrozenTrial

from search.contest.arms import Arms
from search.contest.contest import Conditions, contest
from search.contest.result import Result
from search.errors import RunError
from search.evidence import VERDICT
from search.results import Contender
from search.snapshot import all_contenders
from search.storage.study_record import StudyRecord
from search.strategy.estimates import study_model
from search.strategy.shape import ShapeMaker
from search.study_spec import StudySpec
from search.trial_limit import steps_of
from search.worker.permission import Permission
from search.worker.process import check_fingerprint
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange
from warmboot.standards import standards

# The likeliest to be strong first: with few runs the others are not tried.
_ORDER = (
    "linear",
    "cosine",
    "linear_warmup",
    "rex",
    "wsd",
    "cosine_warmup",
    "one_cycle",
    "sgdr",
    "constant",
)


@dataclass(frozen=True)
class Options:
    """What somebody may ask of a verdict.

    Attributes:
        device: of torch.
        permission: what a study's proxy may run.
        baselines: schedules of one's own by name, tuned and compared as the standards are.
        others: whether the other standards are told too.
        most_pairs: at which look it ends at the latest.
    """

    device: str
    permission: Permission
    baselines: Mapping[str, WarmbootSchedule] = field(default_factory=dict)
    others: bool = False
    most_pairs: int = 30


def hold_contest(
    record: StudyRecord, options: Options, say: Callable[[str], None], notify: Callable[[int], None]
) -> Result:
    """Judge the leader of a study and keep the verdict on it.

    Args:
        record: the study.
        options: what is asked.
        say: told each step in words.
        notify: told how many trainings have ended.

    Raises:
        RunError: the study has no complete trial, or a training fails.
        UsageError: the proxy may not be run, or is another one here.
    """
    spec = record.spec
    options.permission.require(spec.proxy)
    found = all_contenders(record)
    if not found:
        raise RunError(f"study {record.name!r} has no completed trial yet; there is nothing to judge.")
    leader = found[0]
    trials = record.load().get_trials(deepcopy=False)
    everybody_knows = standards()
    conditions = Conditions(
        linear_lr=expected_linear_lr(spec, trials, leader),
        search_runs=sum(steps_of(trial, spec.horizon_steps) for trial in trials) / spec.horizon_steps,
        standards={**options.baselines, **{name: everybody_knows[name] for name in _ORDER}},
        others=options.others,
        most_pairs=options.most_pairs,
    )
    say(f"leader: {leader.describe()}")
    with Arms(spec, options.device, notify) as arms:
        check_fingerprint(record, arms.fingerprint)
        result = contest(spec, leader, arms, conditions, say)
    record.set_attribute(VERDICT, result.to_json())
    record.set_answer(result.sentence)
    return result


def expected_linear_lr(spec: StudySpec, trials: Sequence[FrozenTrial], leader: Contender) -> float:
    """The peak lr at which the study's model expects linear to zero to be best; a fixed lr is kept."""
    field_ = spec.parsed_space.lr
    if not isinstance(field_, FloatRange):
        assert field_ is not None, "a study's space has an lr"
        return field_
    model = study_model(spec, trials)
    assert model is not None, "a study with a leader has a complete trial"
    shape = ShapeMaker(spec.horizon_steps, spec.parsed_params).shape(standards()["linear"], leader.params)
    x = model[0].best_x(shape.features[None, :], *model[0].tried_range)[0]
    return min(max(math.exp(float(x)) * shape.lr_scale, field_.low), field_.high)
