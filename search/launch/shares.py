"""Which studies a worker serves now, and on what part of its machine: pure, from one look at the storage.

The studies of the highest priority share the machine in equal parts. Where there are more of them than parts,
they take turns: one whose turn is over makes room for one that nobody works on. As long as the same studies
are served each keeps its part, since every change costs the start of processes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An open study that may be worked on here."""

    name: str
    priority: int = 0
    """The higher, the earlier."""
    at_work: int = 0
    """How many of its trials others train now."""
    served_at: float = float("-inf")
    """When it was last begun here, in seconds by some clock."""
    gpus_per_trial: int = 1
    most_workers: int | None = None
    """Processes that it can have here at most; None: any number."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of a machine, as `placements` takes it."""

    workers: int | None
    gpus: tuple[str, ...] | None = None

    def is_apart_from(self, other: Share) -> bool:
        """Whether both have GPUs, and none in common."""
        if self.gpus is None or other.gpus is None:
            return False
        return not set(self.gpus) & set(other.gpus)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is shared out: GPUs by name, or a number of processes on one device."""

    workers: int | None
    """What was asked for; None: as many as suit a study."""
    processes: int
    """How many there are to share out where no GPUs are named."""
    gpus: tuple[str, ...] | None = None

    @property
    def whole(self) -> Share:
        """All of it, for one study."""
        return Share(workers=self.workers, gpus=self.gpus)


def rearranged(
    candidates: Sequence[Candidate],
    served: Collection[str],
    machine: Machine,
    turns_over: Collection[str] = (),
) -> dict[str, Share]:
    """The shares from now on, name -> share; the same as before where the same studies are served.

    Args:
        candidates: the open studies, the oldest first.
        served: those of them that are worked on here.
        machine: what there is.
        turns_over: those of them that were worked on for long enough, where others wait.

    >>> two_cores = Machine(workers=None, processes=2)
    >>> both = [Candidate(name="old"), Candidate(name="new")]
    >>> {name: share.workers for name, share in rearranged(both, [], two_cores).items()}
    {'old': 1, 'new': 1}
    """
    if not candidates:
        return {}
    highest = max(study.priority for study in candidates)
    wanting = [study for study in candidates if study.priority == highest]
    return _shared_out(_chosen(wanting, served, machine, turns_over), machine)


def _chosen(
    wanting: Sequence[Candidate], served: Collection[str], machine: Machine, turns_over: Collection[str]
) -> list[Candidate]:
    """Those that get a part, the oldest first."""

    def rank(study: Candidate) -> tuple[bool, bool, int, float, int]:
        is_served = study.name in served
        alone = not is_served and study.at_work == 0
        keeps = is_served and study.name not in turns_over
        # Who is served stays, but makes room at the end of a turn for one that nobody works on.
        return (not keeps, not alone, study.at_work, study.served_at, wanting.index(study))

    found: list[Candidate] = []
    left = machine.processes if machine.gpus is None else len(machine.gpus)
    for study in sorted(wanting, key=rank):
        needs = 1 if machine.gpus is None else study.gpus_per_trial
        if needs <= left or not found:  # one that wants more than there is hears so from `placements`
            found.append(study)
            left -= needs
    return sorted(found, key=wanting.index)


def _shared_out(chosen: Sequence[Candidate], machine: Machine) -> dict[str, Share]:
    if len(chosen) == 1:
        return {chosen[0].name: machine.whole}
    if machine.gpus is None:
        parts = [machine.processes // len(chosen)] * len(chosen)
        for i in range(machine.processes % len(chosen)):
            parts[i] += 1
        most = [study.most_workers or machine.processes for study in chosen]
        return {
            study.name: Share(workers=min(part, limit))
            for study, part, limit in zip(chosen, parts, most, strict=True)
        }
    return _gpus_shared_out(chosen, machine.gpus, machine.workers)


def _gpus_shared_out(
    chosen: Sequence[Candidate], gpus: tuple[str, ...], workers: int | None
) -> dict[str, Share]:
    """GPUs in whole groups, one group each and then around again; each study's stand side by side."""
    counts = [study.gpus_per_trial for study in chosen]
    left = len(gpus) - sum(counts)
    while fitting := [i for i, study in enumerate(chosen) if study.gpus_per_trial <= left]:
        least = min(fitting, key=lambda i: (counts[i], i))
        counts[least] += chosen[least].gpus_per_trial
        left -= chosen[least].gpus_per_trial
    shares, start = {}, 0
    for study, count in zip(chosen, counts, strict=True):
        of_workers = None if workers is None else max(1, workers * count // len(gpus))
        shares[study.name] = Share(workers=of_workers, gpus=gpus[start : start + count])
        start += count
    return shares
