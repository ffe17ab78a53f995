"""How much confirmation a study gets: what its file says, else what its kind of proxy can afford."""

from __future__ import annotations

from search.confirmation import LEADERS, SEEDS, ConfirmationSize
from search.study_spec import StudySpec

# A training of the user's own may take hours; two leaders and the best standard on two seeds are six of them.
OWN_LEADERS, OWN_SEEDS = 2, 2


def confirmation_size(spec: StudySpec) -> ConfirmationSize:
    """The size of a study's confirmation."""
    declared = spec.proxy_kind == "declared"
    leaders, seeds = spec.confirmation.leaders, spec.confirmation.seeds
    return ConfirmationSize(
        leaders=(LEADERS if declared else OWN_LEADERS) if leaders is None else leaders,
        seeds=(SEEDS if declared else OWN_SEEDS) if seeds is None else seeds,
    )
