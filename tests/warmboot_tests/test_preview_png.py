"""The picture is one, and is written whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from warmboot.preview import view_of
from warmboot.preview_png import write_png
from warmboot.schedule import WarmbootSchedule

pytest.importorskip("matplotlib", reason="matplotlib is not installed: it draws the picture")

VIEW = view_of(WarmbootSchedule(lr=0.1, warmup=0.1, restarts=[0.5]), 400)


def test_a_picture_with_the_curve_in_it_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "$schedule.png"
    path.write_text("old")
    write_png(VIEW, path)
    from matplotlib.image import imread

    pixels = imread(path)
    assert pixels.shape[0] > 200
    assert pixels.shape[1] > 400
    assert len({tuple(pixel) for pixel in pixels[:, :, :3].reshape(-1, 3).tolist()}) > 10
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_not_be_written_stays_as_it_was(tmp_path: Path) -> None:
    old = tmp_path / "old.png"
    old.write_text("old")
    old.chmod(0o444)
    with pytest.raises(PermissionError, match="is read-only"):
        write_png(VIEW, old)
    assert old.read_text() == "old"
    with pytest.raises(FileNotFoundError):
        write_png(VIEW, tmp_path / "absent" / "x.png")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_png(VIEW, tmp_path)
    assert list(tmp_path.iterdir()) == [old]


def test_a_device_takes_a_picture_and_stays_a_device() -> None:
    write_png(VIEW, "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_without_matplotlib_it_is_said_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from warmboot.preview import view_of; from warmboot.preview_png import write_png\n"
        "from warmboot.schedule import WarmbootSchedule\n"
        "try:\n    write_png(view_of(WarmbootSchedule(), 10), 'x.png')\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=600
    )
    assert "a PNG needs matplotlib, which is not installed: pip install matplotlib" in done.stdout
    assert list(tmp_path.iterdir()) == []
