"""What a proxy is made of: each part by its name, and a change told by the name of what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.proxies.registry import declared_made_of, declared_proxy
from search.scripts.fingerprints import command_made_of, function_made_of
from search.spec.made_of import MadeOf
from search.spec.proxy import CommandProxy, FreeProxy

SCRIPT = "python train.py --data 'a b.py'"

NOISY_QUADRATIC_OF_OLD = "2b505796481c5b398a064050945654eb063ad2747a0cc0fb4c5bfb13a273907b"


def command(folder: Path, text: str = SCRIPT) -> CommandProxy:
    return CommandProxy(command=text, working_directory=str(folder))


def test_a_command_is_made_of_the_scripts_it_names_which_are_not_run(tmp_path: Path) -> None:
    assert command_made_of(command(tmp_path)).parts == {}
    (tmp_path / "train.py").write_text("raise SystemExit('it ran')")
    (tmp_path / "a b.py").write_text("1")
    assert list(command_made_of(command(tmp_path)).parts or {}) == ["train.py", "a b.py"]


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("python -m lab.train --fast", "lab/train.py"),
        ("torchrun --nproc-per-node 2 -m lab", "lab/__main__.py"),
        ("bash run.sh {seed}", "run.sh"),
        ("./run.sh", "./run.sh"),
    ],
)
def test_modules_and_shell_scripts_are_found_too(tmp_path: Path, text: str, file: str) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / file).write_text("1")
    assert list(command_made_of(command(tmp_path, text)).parts or {}) == [file]


def test_a_changed_a_missing_and_a_new_script_are_told_by_name_and_folder(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("one")
    before = command_made_of(command(tmp_path))
    (tmp_path / "train.py").write_text("two")
    (tmp_path / "a b.py").write_text("new")
    now = command_made_of(command(tmp_path))
    assert now.changes_since(before) == ["a b.py was not there", "train.py has changed"]
    (tmp_path / "train.py").unlink()
    (tmp_path / "a b.py").unlink()
    assert command_made_of(command(tmp_path)).changes_since(before) == [f"train.py is not in {tmp_path}"]
    assert before.changes_since(before) == []


def test_the_folder_and_the_ends_of_lines_make_no_difference(tmp_path: Path) -> None:
    made = []
    for name, text in (("here", b"a\nb\n"), ("there", b"a\r\nb\r\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.py").write_bytes(text)
        made.append(command_made_of(command(tmp_path / name)))
    assert made[1].changes_since(made[0]) == []


def test_a_function_is_its_module_which_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "my_lab_training.py"
    module.write_text("raise RuntimeError('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    proxy = FreeProxy(train="my_lab_training:train")
    before = function_made_of(proxy)
    module.write_text("raise RuntimeError('it ran again')")
    (change,) = function_made_of(proxy).changes_since(before)
    assert change == "module my_lab_training has changed"


def test_a_built_in_proxy_tells_its_file_from_its_data_and_names_other_versions() -> None:
    now = declared_made_of(declared_proxy("char_lm_mlp", {}))
    assert set(now.parts or {}) == {"data", "proxy char_lm_mlp"}
    before = MadeOf("0" * 64, {**(now.parts or {}), "data": "0" * 64}, {**now.versions, "python": "3.11.0"})
    (change,) = now.changes_since(before)
    assert change.startswith("the data of the proxy has changed (Python is 3.")
    assert change.endswith(" here and was 3.11.0)")


def test_a_study_from_before_parts_were_kept_is_compared_by_its_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("one")
    stored = MadeOf.of_facts({"fingerprint": command_made_of(command(tmp_path)).fingerprint})
    assert command_made_of(command(tmp_path)).changes_since(stored) == []
    (tmp_path / "train.py").write_text("two")
    assert command_made_of(command(tmp_path)).changes_since(stored) == ["train.py has changed"]
    (tmp_path / "a b.py").write_text("new")
    several = command_made_of(command(tmp_path)).changes_since(stored)
    assert several == ["train.py or a b.py has changed"]


def test_the_fingerprints_of_studies_that_exist_stay_what_they_were(tmp_path: Path) -> None:
    """Or no study that somebody has could be gone on with."""
    (tmp_path / "train.py").write_text("print(1)\n")
    found = command_made_of(command(tmp_path, "python train.py")).fingerprint
    assert found == "bc7a881e72a0c05318beee85d9a174bd4bff02c5bbecfa2b14b9cc1cc4cc7743"
    built_in = MadeOf.of_facts({"fingerprint": NOISY_QUADRATIC_OF_OLD})
    assert declared_made_of(declared_proxy("noisy_quadratic", {})).changes_since(built_in) == []


def test_a_study_from_before_proxies_had_a_version_tells_what_changed() -> None:
    """Its proxy was the source of a module then, which a mended comment changed."""
    now = declared_made_of(declared_proxy("char_lm_mlp", {}))
    file = {"search/proxies/char_lm.py": "0" * 64}
    same = MadeOf(now.former[0], {**file, "data": (now.parts or {})["data"]})
    assert now.changes_since(same) == []
    (change,) = now.changes_since(MadeOf("0" * 64, {**file, "data": "0" * 64}))
    assert change.startswith("the data of the proxy has changed")


def test_another_version_of_a_built_in_proxy_is_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = declared_made_of(declared_proxy("noisy_quadratic", {}))
    monkeypatch.setattr("search.proxies.noisy_quadratic.VERSION", 2)
    now = declared_made_of(declared_proxy("noisy_quadratic", {}))
    assert now.changes_since(before) == ["proxy noisy_quadratic has changed"]
    assert now.changes_since(MadeOf(NOISY_QUADRATIC_OF_OLD)) != []
