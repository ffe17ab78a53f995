"""The attributes of a study, stored under `warmboot:` among its system attributes: every entry, named once.

So `worker`, `status` and `export` need no study file, and a copied study stays whole. Beside them stands
`answer`, for a person who looks at the study in the dashboard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.spec.budget import Budget
from search.spec.made_of import MadeOf
from search.spec.population import Way
from search.spec.rounds import Rounds
from search.spec.study import StudySpec

SPEC = "spec"
"""The parsed study file. It is written last: a reader that finds it finds all that a launch keeps."""
PROXY = "proxy"
"""Facts about its proxy, and the parts of that."""
CONTROL = "control"
"""The limit of trials and `stop`, which every launch and `warmboot stop` may set; `plateau`, which ends a
search and is cleared by the next launch."""
PLACE = "place"
"""Place of the last launch: the study's `file`, or `python` where there is none, and the `folder` in which
its command runs."""
CHANGES = "changes"
"""Accepted changes of its training."""
OWN_LR = "own_lr"
"""The lr of the script's own optimizer, where the study starts from that."""
MADE = "made"
"""A word that tells it from any earlier study of its name or number."""
ROUNDS = "rounds"
"""How it proposes its trials, for all its life: `size` and `delay`; nothing where it need not be the same
every time."""
WAY = "way"
"""How its runs are trained, for all its life, since bits belong to it: `way`, how many at once (`slots`,
measured on the kind of device `device`), and the `gain` over one by one that was measured then. A study from
before there were ways has none, and one from before slots were measured no `device`."""
CRASHED = "crashed"
"""Which workers crashed, and how; see `search.storage.suspects`."""
OPENINGS = "openings"
"""How many processes have opened it; each samples from a seed of its own."""
PRIORITY = "priority"
"""The order in which workers take up studies, the higher the earlier; without it 0."""
CONFIRMATION = "confirmation"
"""The best schedules trained again on fresh seeds; see `search.results.confirmation`."""
ESTIMATES = "expected"
"""Estimates of its schedules over all seeds, and the lead; see `search.results.kept_estimates`."""
SENSITIVITY = "knobs"
"""Which parameters matter at the best schedule; see `search.strategy.sensitivity`."""
VERDICT = "verdict"
"""The last verdict on its leader; see `search.verdict`."""
TRANSFER = "transfer"
"""The last transfer of its leader; see `search.transfer`."""
EXTENSIONS = "extensions"
"""Trials that were continued to a longer horizon, a list; see `search.extension`."""

BOARD = "board"
"""Which notes and plots in the dashboard are Warmboot's own; see `search.storage.dashboard_rows`."""


class StudyAttributes(Mapping[str, Any]):
    """The entries of one study, read at one moment; by name or by property.

    A property of what only some studies have is None, or empty, for those that have it not.
    """

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self._stored = dict(stored)

    def __getitem__(self, key: str) -> Any:
        return self._stored[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def spec(self) -> StudySpec:
        """The study as it is worked on: in its way, and with the script's own lr where that is known."""
        spec = StudySpec.from_json(self._stored[SPEC])
        if self.way is not None:
            spec = spec.with_way(self.way, self._measured_slots)
        return spec if self.own_lr is None else spec.with_own_lr(self.own_lr)

    @property
    def proxy(self) -> Mapping[str, Any]:
        """Facts about what it trains."""
        return self._stored[PROXY]  # type: ignore[no-any-return]

    @property
    def made_of(self) -> MadeOf:
        """The parts of its proxy at the launch."""
        return MadeOf.of_facts(self.proxy)

    @property
    def limit(self) -> Budget:
        """How much it may train."""
        return Budget.from_control(self._stored[CONTROL])

    @property
    def rounds(self) -> Rounds | None:
        """How it proposes its trials; None: one at a time, knowing whatever is in."""
        stored = self._stored.get(ROUNDS)
        return None if stored is None else Rounds(stored["size"], stored["delay"])

    @property
    def is_same_every_time(self) -> bool:
        """Whether its file gives the same trials again; how many fit into a time, a machine decides."""
        return self.rounds is not None and self.limit.budget_seconds is None

    @property
    def way(self) -> Way | None:
        """How its runs are trained; None: it is from before there were ways, or its proxy needs none."""
        stored = self._stored.get(WAY)
        return None if stored is None else stored["way"]

    @property
    def _measured_slots(self) -> tuple[str, int] | None:
        stored = self._stored.get(WAY, {})
        return (stored["device"], stored["slots"]) if "device" in stored else None

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop."""
        return bool(self._stored[CONTROL]["stop"])

    @property
    def crashed(self) -> Mapping[str, str]:
        """Names of workers that crashed -> how."""
        return self._stored.get(CRASHED) or {}

    @property
    def priority(self) -> int:
        """See `PRIORITY`."""
        return int(self._stored.get(PRIORITY, 0))

    @property
    def file(self) -> str | None:
        """The study file that was launched last."""
        return (self._stored.get(PLACE) or {}).get("file")

    @property
    def is_from_python(self) -> bool:
        """Whether the last launch was a call of `warmboot.launch` without a file."""
        return bool((self._stored.get(PLACE) or {}).get("python"))

    @property
    def folder(self) -> str | None:
        """The folder of its command at the last launch."""
        return (self._stored.get(PLACE) or {}).get("folder")

    @property
    def changes(self) -> Sequence[Mapping[str, Any]]:
        """See `search.storage.study_change.Change`."""
        return self._stored.get(CHANGES, [])  # type: ignore[no-any-return]

    @property
    def own_lr(self) -> float | None:
        """The lr of the script's own optimizer."""
        return self._stored.get(OWN_LR)

    @property
    def made(self) -> str | None:
        """See `MADE`."""
        return self._stored.get(MADE)

    @property
    def confirmation(self) -> Mapping[str, Any] | None:
        """See `search.results.confirmation.Confirmation.to_json`."""
        return self._stored.get(CONFIRMATION)

    @property
    def estimates(self) -> Mapping[str, Any] | None:
        """See `search.results.kept_estimates.to_json`."""
        return self._stored.get(ESTIMATES)

    @property
    def sensitivity(self) -> Mapping[str, Any] | None:
        """See `search.results.kept_estimates.sensitivity_of`."""
        return self._stored.get(SENSITIVITY)

    @property
    def verdict(self) -> Mapping[str, Any] | None:
        """See `search.results.verdict.VerdictResult`."""
        return self._stored.get(VERDICT)

    @property
    def extensions(self) -> Sequence[Mapping[str, Any]]:
        """See `search.extension.extension.Extension`."""
        return self._stored.get(EXTENSIONS, [])  # type: ignore[no-any-return]

    @property
    def board_seconds(self) -> float | None:
        """When its pages in the dashboard were last looked after, by the clock of the database."""
        return (self._stored.get(BOARD) or {}).get("at")

    @property
    def transfer(self) -> Mapping[str, Any] | None:
        """See `search.results.transfer.TransferResult`."""
        return self._stored.get(TRANSFER)
