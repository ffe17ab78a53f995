"""Which worker trains where: on the CPU, on one GPU, or on a group of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.errors import UsageError
from search.processes.cores import usable_cores
from search.spec.study import StudySpec


@dataclass(frozen=True)
class Placement:
    """The device of one worker.

    Attributes:
        device: as torch names it.
        visible_gpus: the worker's CUDA_VISIBLE_DEVICES, inherited by what it starts; None leaves it as it is.
    """

    device: str
    visible_gpus: str | None = None


def parse_gpus(text: str) -> tuple[str, ...]:
    """The GPUs of `--gpus`: numbers or UUIDs as in CUDA_VISIBLE_DEVICES, separated by commas.

    Raises:
        UsageError: empty, or one named twice.

    >>> parse_gpus("0,1")
    ('0', '1')
    """
    gpus = tuple(part.strip() for part in text.split(","))
    if not all(gpus) or len(set(gpus)) < len(gpus):
        raise UsageError(f"--gpus: got {text!r}; accepted are different GPUs with commas between, as in 0,1")
    return gpus


def placements(
    *, device: str, gpus: Sequence[str] | None, workers: int | None, gpus_per_trial: int, default_workers: int
) -> list[Placement]:
    """One placement a worker.

    Args:
        device: for all workers, where no GPUs are named.
        gpus: the GPUs of `--gpus`, shared out in groups of `gpus_per_trial`.
        workers: how many; with GPUs, they take turns on the groups. None: one a group, or `default_workers`.
        gpus_per_trial: how many GPUs one training uses.
        default_workers: how many, if neither GPUs nor workers are given.

    Raises:
        UsageError: the GPUs do not make whole groups.

    >>> [p.visible_gpus for p in placements(
    ...     device="cuda", gpus=["0", "1", "2", "3"], workers=None, gpus_per_trial=2, default_workers=1)]
    ['0,1', '2,3']
    """
    if gpus is None:
        return [Placement(device)] * (workers or default_workers)
    if len(gpus) % gpus_per_trial:
        raise UsageError(
            f"--gpus: got {len(gpus)} GPUs, but gpus_per_trial = {gpus_per_trial}; name a multiple of it."
        )
    starts = range(0, len(gpus), gpus_per_trial)
    groups = [",".join(gpus[start : start + gpus_per_trial]) for start in starts]
    return [Placement("cuda", groups[i % len(groups)]) for i in range(workers or len(groups))]


def _require_gpu(spec: StudySpec, device: str) -> None:
    """Refuse a model of ours on a GPU that torch does not have; a script has a torch of its own.

    Args:
        spec: the study.
        device: "cuda" where GPUs are named.

    Raises:
        UsageError: torch finds no GPU.
    """
    if spec.proxy_kind != "declared" or not device.startswith("cuda"):
        return
    import torch

    if not torch.cuda.is_available():
        raise UsageError("--gpus: torch finds no GPU (CUDA) here; leave --gpus out to train on the CPU.")


def placements_for(
    spec: StudySpec, *, device: str, gpus: Sequence[str] | None, workers: int | None
) -> list[Placement]:
    """The placements of a study's workers; raises as `placements` does, and for a GPU that is not there.

    A process that trains a population keeps one core busy, so a CPU gets one a core. The cores that a
    user's script takes are unknown, so it trains alone unless `--workers` says otherwise.
    """
    declared = spec.proxy_kind == "declared"
    placed = placements(
        device=device,
        gpus=gpus,
        workers=workers,
        gpus_per_trial=getattr(spec.proxy, "gpus_per_trial", 1),
        default_workers=usable_cores() if declared and device == "cpu" else 1,
    )
    _require_gpu(spec, placed[0].device)
    return placed


def processes_text(workers: int, slots: int, *, together: bool) -> str:
    """How a study is trained here.

    Args:
        workers: processes.
        slots: runs under way in each.
        together: whether those are trained in the same operations.

    >>> processes_text(2, 8, together=True)
    '2 processes x 8 runs at once'
    >>> processes_text(1, 8, together=False)
    '1 process x 8 runs in turns, since this model trains one by one,'
    >>> processes_text(4, 1, together=False)
    '4 processes x 1 run at a time'
    """
    processes = "1 process" if workers == 1 else f"{workers} processes"
    if slots == 1:
        return f"{processes} x 1 run at a time"
    if together:
        return f"{processes} x {slots} runs at once"
    return f"{processes} x {slots} runs in turns, since this model trains one by one,"
