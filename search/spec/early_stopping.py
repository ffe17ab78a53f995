"""The `[early_stopping]` table of a study file: by what trials are ended early.

| name | what |
| --- | --- |
| `none` | every trial trains to its end |
| `squeezed` | the whole schedule in a ninth and a third of the horizon first; judged by `rung_rule.py` |
| `averaged` | half-way, judged by the average of the recent weights; by `rung_rule.py` |
| `median`, `percentile`, `halving`, `hyperband`, `threshold` | Optuna's pruners on the reported values |

A loss in the middle of a cosine is not comparable with one at its end, so Optuna's pruners end good
schedules; they are there for users who want them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from search.spec.proxy import Strict

Name = Literal["none", "squeezed", "averaged", "median", "percentile", "halving", "hyperband", "threshold"]
OWN = ("none", "squeezed", "averaged")
"""Names that are not those of Optuna's pruners."""


class EarlyStoppingSpec(Strict):
    """The rule that ends trials early, and the arguments of one of Optuna's pruners."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: Name = "none"
    plateau: bool = True
    """Whether the search ends where no more can be gained; see `search.strategy.plateau`."""

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})
