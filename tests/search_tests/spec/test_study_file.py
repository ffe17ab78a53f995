"""Study files: every problem is found before anything happens, and all of them are told at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search.errors import UsageError
from search.spec.packaged import packaged_studies
from search.spec.study import StudySpec
from search.spec.study_file import find_study_file, read_study_file
from warmboot.schedule import WarmbootSchedule

ROOT = Path(__file__).parents[3]
VALID = """
name = "mine"
proxy = "char_lm_mlp"
total_steps = 600
n_trials = 20

[space]
lr = { low = 1e-2, high = 3.0, log = true }
"""


def study_file(folder: Path, text: str | bytes = VALID) -> Path:
    path = folder / "mine.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def message_of(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_study_file(path)
    return str(caught.value)


def test_a_short_file_is_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    spec = read_study_file(study_file(tmp_path))
    assert (spec.name, spec.proxy.name, spec.horizon_steps, spec.n_trials) == ("mine", "char_lm_mlp", 600, 20)
    assert (spec.params, spec.budget, spec.n_runs) == ({}, None, None)
    assert (spec.objective, spec.direction, spec.seed) == ("val_loss", "minimize", 0)
    assert (spec.sampler.name, spec.population.slots) == ("warmboot", "auto")


def test_baselines_are_schedules_in_the_words_of_the_space(tmp_path: Path) -> None:
    table = "[verdict]\npairs = 10\n[verdict.baselines]\nmine = { curve = 'linear', warmup = 0.1 }\n[space]"
    spec = read_study_file(study_file(tmp_path, VALID.replace("[space]", table)))
    assert spec.verdict.pairs == 10
    assert spec.verdict.schedules == {"mine": WarmbootSchedule(curve="linear", warmup=0.1)}
    assert StudySpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("path", sorted((ROOT / "studies").glob("*.toml")), ids=lambda path: path.stem)
def test_every_packaged_study_is_valid_and_named_as_its_file(path: Path) -> None:
    spec = read_study_file(path)
    assert spec.name == path.stem
    assert packaged_studies()[path.stem].read_bytes() == path.read_bytes()
    assert find_study_file(path.stem) == packaged_studies()[path.stem]


CHANGED = {
    # what VALID has, what stands there instead -> what the message must say
    ("n_trials = 20", "n_trialls = 20"): "n_trialls: unknown key; did you mean n_trials?",
    ("n_trials = 20", ""): "give one of n_trials, n_runs and budget; got none",
    ("n_trials = 20", "n_runs = 0"): "n_runs: got 0",
    ("n_trials = 20", 'budget = "8 hours"'): "budget: got '8 hours'; accepted is a time above 0",
    ("n_trials = 20", "budget = 0"): "budget: got 0; accepted is a time above 0",
    ("n_trials = 20", "n_trials = 0"): "n_trials: got 0; input should be greater than or equal to 1",
    ("n_trials = 20", "n_trials = -5"): "n_trials: got -5",
    ("n_trials = 20", "n_trials = 20.0"): "n_trials: got 20.0; input should be a valid integer",
    ("n_trials = 20", 'n_trials = "20"'): "n_trials: got '20'",
    ("n_trials = 20", "n_trials = true"): "n_trials: got True",  # Python would count it as 1
    ("n_trials = 20", "n_trials = nan"): "n_trials: got nan",
    ("n_trials = 20", "n_trials = 1000000000000"): "n_trials: got 1000000000000",
    ("n_trials = 20", "n_trials = 20\nseed = -1"): "seed: got -1",
    ("n_trials = 20", "n_trials = 20\nseed = 1.5"): "seed: got 1.5",
    ("n_trials = 20", 'n_trials = 20\ndirection = "down"'): "direction: got 'down'",
    ("n_trials = 20", "n_trials = 20\nobjective = 3"): "objective: got 3",
    ("total_steps = 600", ""): "give one of total_steps and epochs; got none",
    ("total_steps = 600", "total_steps = 600\nepochs = 3"): "got total_steps and epochs",
    ("total_steps = 600", "total_steps = 0"): "total_steps: got 0",
    ("total_steps = 600", "epochs = 0"): "epochs: got 0",
    ('name = "mine"', ""): "name: missing",
    ('name = "mine"', 'name = ""'): "name: got ''",
    ('name = "mine"', f'name = "{"x" * 600}"'): "name: got 'xxx",
    ('name = "mine"', 'name = " mine"'): "a name neither starts nor ends with a space",
    ('name = "mine"', 'name = "a/b"'): "name: got 'a/b'",
    ('name = "mine"', 'name = "a\\nb"'): "name: got 'a\\nb'",
    ('name = "mine"', 'name = "mine\\n"'): "name: got 'mine\\n'",
    ('"char_lm_mlp"', "7"): "proxy",
    ('"char_lm_mlp"', '""'): "proxy.name: got ''",
    ('"char_lm_mlp"', "{ arguments = 3 }"): "proxy: give one of name, command and train; got arguments",
    ("[space]", "[sampler]\nname = 'cmaes'\n[space]"): "sampler.name: got 'cmaes'",
    (
        "[space]",
        "[population]\nslots = 0\n[space]",
    ): "population.slots: got 0; input should be 'auto' or greater",
    ("[space]", "[population]\nslots = 'many'\n[space]"): "population.slots: got 'many'",
    ("[space]", "[population]\nslot = 4\n[space]"): "population.slot: unknown key; did you mean slots?",
    ("[space]", "[population]\ndevice = 'cuda'\n[space]"): "delay, reproducible, round, slots, way.",
    ("[space]", "[spaces]"): "space: missing",
    ("[space]\nlr = { low = 1e-2, high = 3.0, log = true }", "space = 3"): "space: got 3",
    ("lr = {", "lrr = {"): "space.lrr: unknown key; did you mean lr?",
    ("lr = { low = 1e-2, high = 3.0, log = true }", ""): "space.lr: missing; a built-in proxy has no lr of",
    ("{ low = 1e-2, high = 3.0, log = true }", "'auto'"): "space.lr: got 'auto'; a built-in proxy has no lr",
    (
        "{ low = 1e-2, high = 3.0, log = true }",
        "'Auto'",
    ): "space.lr: got 'Auto'; accepted are a number, a ran",
    ("log = true", "log = true, start = 5"): "space.lr.start: got 5; accepted is a number in [0.01, 3].",
    ("high = 3.0", "high = 1e-3"): "space.lr: got low = 0.01 above high = 0.001",
    ("low = 1e-2", "low = 0.0"): "space.lr",  # and a log range with 0
    ("low = 1e-2", "low = nan"): "space.lr.low: got nan",
    ("[space]", "[space]\ncurve = []"): "space.curve: got []",
    ("[space]", "[early_stopping]\nname = 'hyperbend'\n[space]"): "early_stopping.name: got 'hyperbend'",
    ("[space]", "[early_stopping]\nplateau = 1\n[space]"): "early_stopping.plateau: got 1",
    # What the verdict is to do.
    ("[space]", "[verdict]\nmargins = 3\n[space]"): "verdict.margins: unknown key; did you mean margin?",
    ("[space]", "[verdict]\nmargin = 0\n[space]"): "verdict.margin: got 0",
    ("[space]", "[verdict]\npairs = 7\n[space]"): "verdict.pairs: got 7",
    (
        "[space]",
        "[verdict.baselines]\nmine = { curve = 'linear', lr = 0.1 }\n[space]",
    ): "mine: lr: leave it out; a baseline is tuned",
    (
        "[space]",
        "[verdict.baselines]\nmine = { warmup = { low = 0.0, high = 0.2 } }\n[space]",
    ): "mine: warmup: give a number; a baseline is one schedule",
    ("[space]", "[verdict.baselines]\nmine = { warmups = 0.2 }\n[space]"): "mine: warmups: unknown key",
    # One limit.
    ("n_trials = 20", 'n_trials = 20\nbudget = "8h"'): "n_runs and budget; got n_trials and budget",
    ("n_trials = 20", "n_trials = 20\nn_runs = 24"): "n_runs and budget; got n_trials and n_runs",
    # The other hyperparameters; `test_params.py` has all that can be wrong with one.
    ("[space]", "[params]\nx = 1\n[space]"): "params.x: got 1; accepted are a range",
    ("[space]", "[params]\nlr = [1]\n[space]"): "params.lr: belongs to the schedule",
    ("n_trials = 20", "n_trials = 20\nparams = 3"): "params: got 3",
    # The three kinds of a proxy.
    (
        '"char_lm_mlp"',
        '{ name = "a", command = "b" }',
    ): "proxy: give one of name, command and train; got name",
    ('"char_lm_mlp"', '{ command = "" }'): "proxy.command: got ''",
    ('"char_lm_mlp"', "{ command = 3 }"): "proxy.command: got 3",
    ('"char_lm_mlp"', '{ command = "a", time_limit = "soon" }'): "proxy.time_limit: got 'soon'; accepted is",
    (
        '"char_lm_mlp"',
        '{ command = "a", timelimit = 3 }',
    ): "proxy.timelimit: unknown key; did you mean time_l",
    ('"char_lm_mlp"', '{ command = "a", gpus_per_trial = 0 }'): "proxy.gpus_per_trial: got 0",
    ('"char_lm_mlp"', '{ train = "mylab.train" }'): "proxy.train: got 'mylab.train'; accepted is \"package",
    ('"char_lm_mlp"', '{ train = "a:b", gpus_per_trial = 1 }'): "proxy.gpus_per_trial: unknown key",
    (
        '"char_lm_mlp"\ntotal_steps = 600',
        '{ train = "a:b" }\nepochs = 3',
    ): "epochs: only for built-in proxies",
}


@pytest.mark.parametrize(("change", "message"), CHANGED.items(), ids=[f"{new!r}" for _, new in CHANGED])
def test_a_wrong_entry_is_named_with_its_rule_and_value(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    old, new = change
    assert old in VALID
    text = message_of(study_file(tmp_path, VALID.replace(old, new)))
    assert message in text
    assert text.startswith(f"{tmp_path}/mine.toml has ")


COMMAND = VALID.replace('"char_lm_mlp"', '{ command = "python train.py" }')
LR = "lr = { low = 1e-2, high = 3.0, log = true }\n"


@pytest.mark.parametrize("lr", ['lr = "auto"\n', "warmup = 0.1\n", ""])
def test_a_command_starts_from_its_own_lr_unless_told_otherwise(tmp_path: Path, lr: str) -> None:
    spec = read_study_file(study_file(tmp_path, COMMAND.replace(LR, lr)))
    assert spec.lr_is_auto
    assert spec.space["lr"] == "auto"
    assert not read_study_file(study_file(tmp_path, COMMAND)).lr_is_auto


def test_a_function_needs_an_lr(tmp_path: Path) -> None:
    text = VALID.replace('"char_lm_mlp"', '{ train = "mylab:train" }').replace(LR, "")
    assert "space.lr: missing; only a command is started to learn" in message_of(study_file(tmp_path, text))


def test_a_wrong_lr_does_not_hide_the_other_problems(tmp_path: Path) -> None:
    text = VALID.replace(LR, "lr = 'auto'\nwarmup = 1.5\n").replace("n_trials = 20", "n_trials = 0")
    message = message_of(study_file(tmp_path, text))
    assert "has 3 problems" in message
    assert all(f"  {place}: got" in message for place in ("space.lr", "space.warmup", "n_trials"))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = message_of(
        study_file(
            tmp_path,
            """
            name = ""
            proxy = "char_lm_mlp"
            total_steps = -1
            n_trials = 0
            sed = 3
            budget = "later"
            [population]
            slots = 0
            [space]
            lr = { low = 0.0, high = 1.0, log = true }
            warmup = 1.5
            curve = ["cosinus"]
            [params]
            dropout = { low = 0.5, high = 0.1 }
            """,
        )
    )
    lines = [line.strip() for line in text.splitlines()]
    for place in (
        "name: ",
        "total_steps: ",
        "n_trials: ",
        "sed: ",
        "budget: ",
        "population.slots: ",
        "space.lr: ",
        "space.warmup: ",
        "space.curve: ",
        "params.dropout: ",
        "give one of n_trials, n_runs and budget",
    ):
        assert any(line.startswith(place) for line in lines), f"{place} is not in\n{text}"
    assert lines[0].endswith(f"mine.toml has {len(lines) - 1} problems:")


BROKEN = {
    # what the file holds -> what the message must say
    "nothing": (b"", "the file is empty; see studies/char_lm.toml for an example"),
    "comments alone": (b"# later\n", "the file is empty"),
    "a key twice": (VALID.encode() + b"lr = 0.1\n", "not valid TOML"),
    "a table twice": (VALID.encode() + b"[space]\n", "not valid TOML"),
    "no TOML": (b"name: mine\n", "not valid TOML: .*line 1"),
    "another encoding": ('name = "größe"'.encode("latin-1"), r"not UTF-8 text \(byte 0xf6 at 10\)"),
    "what PowerShell writes": ('name = "x"'.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    "a picture": (bytes(range(256)), "not UTF-8 text"),
    "zero bytes": (b"\0" * 100, "not valid TOML"),
    "endless nesting": (b"a = " + b"[" * 50_000, "nested too deeply"),
    "an endless number": (b"n_trials = " + b"9" * 10_000, "not valid TOML"),
}


def test_the_mark_that_some_editors_put_before_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    path = study_file(tmp_path, b"\xef\xbb\xbf" + VALID.encode())
    assert read_study_file(path) == read_study_file(study_file(tmp_path, VALID.encode()))


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_study_file_is_refused_in_a_line(tmp_path: Path, case: str) -> None:
    content, message = BROKEN[case]
    path = study_file(tmp_path, content)
    with pytest.raises(UsageError, match=message) as caught:
        read_study_file(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 400


def test_a_number_no_float_can_hold_is_refused(tmp_path: Path) -> None:
    huge = "9" * 4000
    text = message_of(
        study_file(tmp_path, VALID.replace("high = 3.0", f"high = {huge}\n").replace("\n,", ","))
    )
    assert "space.lr.high: got 999" in text
    assert len(text) < 400


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    with open(path, "wb") as stream:
        stream.truncate(100_000_000)
    assert "larger than 1000000 bytes; this is no study file" in message_of(path)


def test_what_is_not_there_is_refused_with_the_nearest_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"'char_lmm' is neither .* did you mean char_lm,"):
        find_study_file("char_lmm")
    with pytest.raises(
        UsageError, match=r"mine\.toml: no such file\. Packaged studies: char_gpt, char_lm, code_gpt, d"
    ):
        find_study_file("mine.toml")
    with pytest.raises(UsageError, match="missing/mine: no such file"):
        find_study_file("missing/mine")
    with pytest.raises(UsageError, match="is a folder; name a study file"):
        find_study_file(str(tmp_path))


def test_a_file_in_this_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study_file(tmp_path)
    assert read_study_file(find_study_file("mine.toml")).name == "mine"


def test_a_device_is_no_study_file() -> None:
    with pytest.raises(UsageError, match="no such file"):
        find_study_file(os.devnull)
