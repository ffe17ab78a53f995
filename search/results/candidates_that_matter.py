"""The trials that can matter for best and baseline, out of thousands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from statistics import fmean

from search.direction import sign_of
from search.results.candidate import Candidate, candidates
from search.results.kept_estimates import with_expectations
from search.runs.trial import Trial
from search.runs.trial_attributes import BASELINE, SCHEDULE_KEY, is_kept, kept
from search.spec.study import StudySpec
from search.storage.study_attributes import StudyAttributes
from search.storage.study_reader import KnownTrials, StudyReader

_LEADING = 8  # schedules that are looked at at least


def known_candidates(
    reader: StudyReader | KnownTrials,
    trials: Sequence[Trial],
    spec: StudySpec,
    attributes: StudyAttributes,
    *,
    also: Collection[int] = (),
) -> list[Candidate]:
    """The candidates that can matter, with what is expected of them.

    Args:
        reader: of the study; gives the parameters of those that matter.
        trials: all of it.
        spec: the study.
        attributes: of its record.
        also: trials whose schedules are to be among them.
    """
    leading = reader.with_params(that_matter(trials, spec, attributes, also=also))
    found = candidates(leading, spec.parsed_space, attributes.confirmation)
    return with_expectations(found, attributes.estimates, trials)


def that_matter(
    trials: Sequence[Trial], spec: StudySpec, attributes: StudyAttributes, *, also: Collection[int] = ()
) -> list[Trial]:
    """The trials of the best, of all baselines, of whatever was confirmed or estimated, and of the schedules
    of trials `also`; to rebuild every schedule each second is too slow."""
    complete = [t for t in trials if t.state.name == "COMPLETE" and is_kept(t, SCHEDULE_KEY)]
    standards = {kept(t, SCHEDULE_KEY) for t in complete if BASELINE in t.user_attrs}
    values: dict[str, list[float]] = defaultdict(list)
    for trial in complete:
        if (key := kept(trial, SCHEDULE_KEY)) not in standards:
            values[key].append(trial.value or 0.0)
    sign = sign_of(spec.direction)
    most = max(_LEADING, spec.confirmation_size.leaders + 1)  # all that can be confirmed are among them
    keys = set(sorted(values, key=lambda key: sign * fmean(values[key]))[:most])
    keys |= standards | {kept(trial, SCHEDULE_KEY) for trial in complete if trial.number in also}
    keys |= set((attributes.confirmation or {}).get("values", {}))
    keys |= set((attributes.estimates or {}).get("searched", {}))
    return [t for t in complete if kept(t, SCHEDULE_KEY) in keys]
