"""The `[report]` table of a study file: where the reports of its trainings go besides the study."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from search.spec.proxy import Strict, is_reference

TRACKERS = ("tensorboard", "wandb", "mlflow")


class ReportSpec(Strict):
    """Trackers by name, or functions `package.module:function` that are called with each report.

    `folder` is where those that write files do so, from where the worker runs.
    """

    to: Annotated[list[str], Field(max_length=10)] = Field(default_factory=list)
    folder: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = "runs"

    @field_validator("to", mode="before")
    @classmethod
    def _one_is_a_list(cls, to: Any) -> Any:
        return [to] if isinstance(to, str) else to

    @field_validator("to")
    @classmethod
    def _are_known(cls, to: list[str]) -> list[str]:
        unknown = [name for name in to if name not in TRACKERS and not is_reference(name)]
        if unknown:
            raise ValueError(f'accepted are {", ".join(TRACKERS)} and "package.module:function"')
        return to

    @property
    def functions(self) -> list[str]:
        """The functions among them."""
        return [name for name in self.to if is_reference(name)]
