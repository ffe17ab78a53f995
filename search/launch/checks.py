"""From what was typed to a study ready to be worked on; all is checked before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from search.early_stopping.pruners import pruner_problems
from search.errors import UsageError, nearest, problems_text
from search.launch.asked_limit import refuse_limit
from search.launch.facts import one_by_one_facts, proxy_facts
from search.launch.way import NewWay, new_way
from search.messages import Say
from search.population.make import make_population, params_problems
from search.population.model_check import check_model
from search.proxies.noisy_quadratic import NoisyQuadratic
from search.proxies.proxy import Proxy
from search.proxies.registry import AnyProxy, declared_proxy
from search.scripts.command import command_problems
from search.scripts.command_home import folder_from, located
from search.scripts.command_look import look_problems
from search.spec.handed import HandedOver
from search.spec.proxy import CommandProxy, DeclaredProxy
from search.spec.study import StudySpec
from search.spec.study_file import find_study_file, parse_study, read_table, replaced
from search.storage.database import Database, open_for_work
from search.storage.study_making import create_or_resume
from search.storage.study_record import StudyRecord, study_names
from search.strategy.optuna_samplers import sampler_problems
from search.trackers.trackers import tracker_problems


@dataclass(frozen=True)
class RegisteredStudy:
    """A study in its database, and whether this launch has made it."""

    database: Database
    record: StudyRecord
    created: bool
    proxy: AnyProxy | None
    """Where it is a declared one."""


@dataclass(frozen=True)
class CheckedStudy:
    """A study file that can be worked on here: its horizon in steps, what is noted of its proxy, and the
    proxy itself where it is a declared one."""

    spec: StudySpec
    facts: dict[str, Any]
    proxy: AnyProxy | None


@dataclass(frozen=True)
class WantedStudy:
    """A study as somebody wants it, read and not yet checked against this machine.

    Attributes:
        spec: its study file, or the same from Python.
        named: what messages call it.
        file: its study file; None where it comes from Python.
        handed: its function, where a Python session hands one over.
    """

    spec: StudySpec
    named: str
    file: Path | None = None
    handed: HandedOver | None = None

    @property
    def home(self) -> Path:
        """The folder from which its command's folder is taken."""
        return Path.cwd() if self.file is None else self.file.absolute().parent


def wanted(study: str, limit: Mapping[str, Any] | None = None) -> WantedStudy:
    """What a packaged name or a path stands for; `limit`: instead of the file's, see `asked_limit`.

    Raises:
        UsageError: there is no such file, or it has problems.
    """
    path = find_study_file(study)
    spec = parse_study(replaced(read_table(path), limit or {}), place=str(path))
    return WantedStudy(spec, str(path), path)


def prepare(
    study: str | WantedStudy,
    storage: URL,
    limit: Mapping[str, Any] | None = None,
    *,
    device: str = "cpu",
    trains_here: bool = True,
    way_of_new: NewWay = new_way,
    accept_change: bool = False,
    say: Say = lambda _text: None,
) -> RegisteredStudy:
    """Read and check a study file, then create its study or open it for more.

    Args:
        study: a packaged name or a path, or what somebody wants.
        storage: where studies are kept.
        limit: that was typed instead of the file's; a total over all launches.
        device: of torch, on which a new study's runs are tried out.
        trains_here: whether what it trains has to run on this machine.
        way_of_new: finds how a new study's runs are trained.
        accept_change: whether a study with results goes on with another script.
        say: told in which folder its command runs where that is another one than this, how a new study's
            runs are trained where that was tried out, and what has changed.

    Raises:
        UsageError: the file, the proxy or the storage has problems, or the name is taken by another search.
    """
    want = wanted(study, limit) if isinstance(study, str) else study
    spec = want.spec
    here = located_from(spec, want.home)
    checked = check(here, want.named, trains_here=trains_here, handed=want.handed)
    place: dict[str, Any] = {"python": True} if want.file is None else {"file": str(want.file.absolute())}
    if isinstance(here.proxy, CommandProxy):
        place["folder"] = str(here.proxy.working_directory)
        if place["folder"] != str(Path.cwd()):
            say(f"the command runs in {place['folder']}")
    database = open_for_work(storage)
    refuse_limit(database, spec.name, limit or {})
    way = (
        None
        if spec.name in study_names(database)
        else way_of_new(checked.spec, checked.proxy, want.named, device, say)
    )
    record, created = create_or_resume(
        database,
        checked.spec.model_copy(update={"proxy": spec.proxy}),  # the folder is this machine's
        checked.facts,
        place=place,
        way=way,
        accept_change=accept_change,
        say=say,
    )
    return RegisteredStudy(database, record, created, checked.proxy)


def located_from(spec: StudySpec, home: Path) -> StudySpec:
    """The study of a file in the folder `home`, with the folder in which its command runs; see
    `search.scripts.command_home`."""
    return located(spec, [folder_from(spec, folder) for folder in (home, Path.cwd())])


def check(
    spec: StudySpec, place: str, *, trains_here: bool = True, handed: HandedOver | None = None
) -> CheckedStudy:
    """Check a study against its proxy and this machine; stores nothing.

    Args:
        spec: the parsed study file.
        place: what messages call it.
        trains_here: whether what it trains has to run on this machine.
        handed: its function, where a Python session hands one over.

    Raises:
        UsageError: the proxy can't be made here, or does not fit the file; all problems are listed.
    """
    problems = [*sampler_problems(spec.sampler), *pruner_problems(spec.early_stopping)]
    proxy: AnyProxy | None = None
    facts: dict[str, Any] = {}
    if isinstance(spec.proxy, DeclaredProxy):
        proxy = _proxy(spec.proxy, place)
        spec = spec.resolve_epochs(proxy.steps_per_epoch)
        facts = proxy_facts(proxy, own=spec.trains_own_model)
        problems += [*_objective_problems(spec, proxy), *params_problems(spec.parsed_params, proxy)]
    else:
        if isinstance(spec.proxy, CommandProxy):
            found = command_problems(spec.proxy.command, spec.params)
            if trains_here and not found:
                found = look_problems(spec.proxy.command, spec.proxy.folder)
            problems += [f"proxy.command: {line}." for line in found]
        try:
            facts = one_by_one_facts(spec.proxy, handed)
        except ValueError as error:
            problems.append(str(error))
    problems += [*_horizon_problems(spec), *_stopping_problems(spec, proxy)]
    problems += tracker_problems(spec.report) if trains_here else []
    if problems:
        raise UsageError(problems_text(place, problems))
    return CheckedStudy(spec, facts, proxy)


def resolve_device(device: str) -> str:
    """The device to train on: what was asked for, or CUDA, else MPS, else the CPU.

    Raises:
        UsageError: torch does not know it, or this machine does not have it.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device: {device!r} can't be used here ({reason})") from error
    return device


def _proxy(declared: DeclaredProxy, place: str) -> AnyProxy:
    try:
        proxy = declared_proxy(declared.name, declared.arguments)
    except (ValueError, ModuleNotFoundError) as error:
        raise UsageError(problems_text(place, [str(error)])) from error
    try:
        if ":" in declared.name and isinstance(proxy, Proxy):  # built-in ones are known to fit
            check_model(proxy)
        make_population(proxy, slots=1)
    except ValueError as error:
        reason = f"its model can't be trained: {str(error).rstrip('.')}."
        raise UsageError(problems_text(place, [f"proxy {proxy.name}: {reason}"])) from error
    except Exception as error:  # whatever the user's own model raises
        reason = f"its model can't be trained here: {type(error).__name__}: {error}"
        raise UsageError(problems_text(place, [f"proxy {proxy.name}: {reason}"])) from error
    return proxy


def _objective_problems(spec: StudySpec, proxy: AnyProxy) -> list[str]:
    if spec.objective not in proxy.metrics:
        hint = nearest(spec.objective, proxy.metrics)
        return [f"objective: got {spec.objective!r}, which {proxy.name} does not measure; {hint}"]
    direction = proxy.metrics[spec.objective]
    if spec.direction != direction:
        return [f"direction: got {spec.direction!r}; {spec.objective} is one to {direction}."]
    return []


def _stopping_problems(spec: StudySpec, proxy: AnyProxy | None) -> list[str]:
    """Whether trials can be stopped early as the file wants it."""
    name = spec.early_stopping.name
    if name == "averaged" and (proxy is None or isinstance(proxy, NoisyQuadratic)):
        return [
            f"early_stopping: averaged needs the weights of a built-in population, which {spec.proxy.name} "
            "does not have; choose another rule."
        ]
    if name != "squeezed":
        return []
    if not spec.can_change_horizon:
        return [
            "early_stopping: squeezed trains shorter horizons, and the command takes none; put "
            "{total_steps} into it, or choose another rule."
        ]
    if not spec.rung_horizons:
        return [
            f"early_stopping: squeezed finds no room in a horizon of {spec.horizon_steps} steps, a third of "
            "it is too short to say anything; choose another rule."
        ]
    return []


def _horizon_problems(spec: StudySpec) -> list[str]:
    least = spec.parsed_space.min_total_steps
    if spec.horizon_steps < least:
        return [
            f"total_steps: got {spec.horizon_steps}; the shortest cycle of [space] needs a horizon of "
            f"{least} steps or more."
        ]
    return []
