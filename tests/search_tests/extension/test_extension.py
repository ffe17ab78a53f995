"""`extend`: a finished run goes on, with the numbers of one that was as long from the start."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna_dashboard import get_note

from search.cli.extend import command as extend_command
from search.cli.snapshots import status_lines
from search.errors import RunError, UsageError
from search.extension.extension import ExtendOptions, Extension, extend
from search.population.population import Population
from search.proxies.registry import build_proxy, declared_made_of
from search.results.status import read_status
from search.runs.run import Run
from search.runs.seeds import run_seed
from search.scripts.fingerprints import one_by_one_made_of
from search.spec.permission import Permission
from search.spec.proxy import DeclaredProxy
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.storage.study_attributes import EXTENSIONS, PROXY
from search.storage.study_record import StudyRecord
from search.training.study_checkpoints import folder_of
from tests.search_tests.studies import LINEAR, make_study, open_database
from tests.search_tests.worker.working import work
from warmboot.schedule_file import read

LRS = (0.1, 0.3, 0.02)


def planned(trials: Any) -> NextTrial:
    return NextTrial({**LINEAR, "lr": LRS[len(trials)]}, {})


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMBOOT_CHECKPOINTS", str(tmp_path / "checkpoints"))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that keeps the last states of its trials, and these; to be copied."""
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WARMBOOT_CHECKPOINTS", str(folder / "checkpoints"))
        database = open_database(folder)
        study(database)
        database.close()
    return folder


@pytest.fixture
def kept(searched: Path, tmp_path: Path) -> Iterator[StudyRecord]:
    """A copy of that study."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    database = open_database(tmp_path)
    yield StudyRecord(database, "small")
    database.close()


def study(database: Database, keep: str = "best", **changes: Any) -> StudyRecord:
    """Three trials of 60 steps that have ended."""
    record = make_study(
        database,
        total_steps=60,
        confirmation={"leaders": 0},
        early_stopping={"name": "none", "plateau": False},
        checkpoints={"keep": keep},
        population={"reproducible": False},
        **({"n_trials": 3} | changes),
    )
    proxy = record.spec.proxy
    if isinstance(proxy, DeclaredProxy):
        made_of = declared_made_of(build_proxy(proxy.name, {}))
    else:
        made_of = one_by_one_made_of(proxy)
    record.set_attribute(PROXY, {**record.attributes.proxy, **made_of.facts()})
    assert work(record, plan=planned) == "done"
    return record


def extended(record: StudyRecord, total_steps: int, **options: Any) -> tuple[Extension, list[str]]:
    said: list[str] = []
    asked = ExtendOptions(
        device="cpu", permission=Permission(commands=True), total_steps=total_steps, **options
    )
    return extend(record, asked, said.append, said.append), said


def trained_whole(found: Extension, seed_index: int) -> float:
    """The value of a run that is as long from its first step."""
    population = Population(build_proxy("char_lm_mlp", {}), slots=1)
    run = Run(
        key="whole",
        lr_table=found.schedule.lr_table(found.total_steps),
        seed=run_seed(0, seed_index),
        report_steps=(found.total_steps,),
    )
    population.admit(run)
    (measured,) = population.advance()
    return measured.metrics["val_loss"]


def test_a_run_goes_on_as_if_it_had_been_as_long_from_the_start(kept: StudyRecord) -> None:
    record = kept
    trials = record.load().get_trials()
    found, said = extended(record, 100, trial=0)
    assert (found.trial, found.from_steps, found.value_before) == (0, 60, trials[0].value)
    assert found.value == trained_whole(found, trials[0].user_attrs["seed"])
    assert said[0] == f"trial 0 goes on from step 60: {found.schedule.describe()}"
    assert [line.split(", ")[0] for line in said[1:]] == [f"step {n} of 100" for n in (68, 76, 84, 92)]
    assert "restart at 60%" in said[0]
    assert "trial 0 continued from 60 to 100 steps: val_loss " in found.lines()[0]
    again, _ = extended(record, 130, trial=0, step_scale=0.25)
    assert again.from_steps == 100, "from where it has come to"
    assert again.value == trained_whole(again, trials[0].user_attrs["seed"])
    assert [entry["total_steps"] for entry in record.attributes.extensions] == [100, 130]
    assert record.load().get_trials() == trials, "the study itself stays as it was"
    told = [run.describe() for run in read_status(record, record.reader()).extended]
    assert [line.split(":")[0] for line in told] == [
        "trial 0 from 60 to 100 steps",
        "trial 0 from 100 to 130 steps",
    ]


def test_the_command_tells_how_to_go_on_and_status_that_it_went_on(
    kept: StudyRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage, file = str(kept.database.url), tmp_path / "longer.json"
    extend_command("small", total_steps=100, trial=0, device="cpu", output=file, storage=storage)
    out = capsys.readouterr().out
    again = f"warmboot extend small --storage {storage} --trial 0 --total-steps 200"
    assert f"next      {again}\n          warmboot status small --storage {storage}" in out
    found = read(file)
    assert found.horizon is not None
    assert (found.horizon.total_steps, found.schedule.restarts) == (100, (0.6,))
    lines = status_lines(read_status(kept, kept.reader()))
    (line,) = [each for each in lines if each.startswith("extended  ")]
    assert re.fullmatch(r"extended  trial 0 from 60 to 100 steps: val_loss .* \(on \d{4}-\d\d-\d\d\)", line)
    assert "### Extended\n\ntrial 0 from 60 to 100 steps" in get_note(kept.load())


def test_a_file_that_can_not_be_written_is_refused_before_anything_is_trained(
    kept: StudyRecord, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"-o .*longer\.json: the folder .*missing does not exist"):
        extend_command(
            "small",
            total_steps=100,
            trial=0,
            device="cpu",
            output=tmp_path / "missing" / "longer.json",
            storage=str(kept.database.url),
        )
    assert kept.attributes.extensions == []


def test_an_extension_of_an_earlier_version_is_told_without_its_day(kept: StudyRecord) -> None:
    found, _ = extended(kept, 100, trial=0)
    entry = {name: value for name, value in found.to_json().items() if name != "date"}
    kept.set_attribute(EXTENSIONS, [entry])
    (run,) = read_status(kept, kept.reader()).extended
    assert run.describe().endswith(f" -> {found.value:#.4g}")


def test_without_a_number_it_is_the_answer_that_goes_on(kept: StudyRecord) -> None:
    record = kept
    best = min(record.load().get_trials(), key=lambda trial: trial.value or 0.0)
    found, _ = extended(record, 70)
    assert found.trial == best.number


def test_a_damaged_checkpoint_is_said_and_costs_time_alone(kept: StudyRecord) -> None:
    record = kept
    folder = folder_of(record)
    assert folder is not None
    (state,) = (folder / "kept" / "trial-1").glob("step-*.pt")
    state.write_bytes(b"nonsense")
    found, said = extended(record, 80, trial=1)
    assert "is not what was written: it goes on from its first step" in said[1]
    seed = record.load().get_trials()[1].user_attrs["seed"]
    assert found.value == trained_whole(found, seed)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"total_steps": 60, "trial": 0}, "--total-steps: got 60; trial 0 has 60 steps already; give more"),
        ({"total_steps": 90, "trial": 7}, "--trial: got 7; study 'small' has the trials 0 to 2"),
    ],
)
def test_what_can_not_be_continued(kept: StudyRecord, options: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        extended(kept, **options)


def test_where_no_checkpoint_is_kept_the_way_out_is_told(database: Database) -> None:
    record = study(database, keep="none")
    with pytest.raises(UsageError, match=r"has kept no checkpoint.*keep = \"best\".*warmboot export"):
        extended(record, 90)


def test_where_another_trials_is_kept_it_is_named(kept: StudyRecord) -> None:
    record = kept
    folder = folder_of(record)
    assert folder is not None
    shutil.rmtree(folder / "kept" / "trial-2")
    with pytest.raises(UsageError, match=r"no checkpoint of trial 2 .* there are those of trials .*--trial"):
        extended(record, 90, trial=2)
    shutil.rmtree(folder)
    with pytest.raises(UsageError, match=r"no checkpoint of study 'small' is on this machine"):
        extended(record, 90)


def test_a_study_without_a_result_has_nothing_to_continue(database: Database) -> None:
    record = make_study(database, checkpoints={"keep": "best"})
    with pytest.raises(RunError, match="has no completed trial yet"):
        extended(record, 200)


SCRIPT = """
import sys, torch, warmboot
steps = int(sys.argv[1])
torch.manual_seed(int(sys.argv[2]))
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = warmboot.attach(optimizer, steps)
parts, saved, start = (model, optimizer, scheduler), warmboot.checkpoint_dir() / "state.pt", 0
if saved.exists():
    start, states = torch.load(saved, weights_only=True)
    for part, state in zip(parts, states):
        part.load_state_dict(state)
for step in range(start, steps):
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
    loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    lr = optimizer.param_groups[0]["lr"]
    first = lr if step == start else first
    optimizer.step()
    scheduler.step()
x = torch.randn(64, 3, generator=torch.Generator().manual_seed(10**6))
warmboot.report(steps, val=(model(x) - x.sum(1, keepdim=True)).square().mean().item(), first=first, last=lr)
torch.save((steps, [part.state_dict() for part in parts]), saved)
"""


def test_a_script_goes_on_with_its_scheduler(database: Database, tmp_path: Path) -> None:
    """Whose state is of the shorter schedule."""
    (tmp_path / "script.py").write_text(SCRIPT)
    command = f"{shlex.quote(sys.executable)} -W error {tmp_path / 'script.py'} {{total_steps}} {{seed}}"
    record = study(database, proxy={"command": command}, objective="val", n_trials=1)
    found, _ = extended(record, 100, trial=0)
    lrs = found.schedule.lr_table(100)
    assert (found.metrics["first"], found.metrics["last"]) == (lrs[60], lrs[99])
    assert lrs[60] == 0.05, "a new cycle begins, at half the peak"


def test_a_script_that_is_told_no_horizon_can_not_be_continued(database: Database) -> None:
    record = make_study(database, proxy={"command": "python train.py --steps 60"}, objective="val")
    with pytest.raises(UsageError, match=r"without \{total_steps\}"):
        extended(record, 100)
