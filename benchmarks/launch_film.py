"""The moving picture in the README: a real launch in a terminal of 80 by 24, as a GIF.

    python benchmarks/launch_film.py docs/images/launch.gif

Runs `warmboot launch char_lm` with a new storage on a terminal of its own, keeps what it wrote, and draws at
most `MOST_SCREENS` of its screens, evenly chosen. The film is faster than the launch; the last screen stays
longer.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.terminal_theme import DEFAULT_TERMINAL_THEME as THEME
from rich.text import Text
from screenshots import terminal_frames

COLUMNS, ROWS = 80, 24
COMMAND = ("warmboot", "launch", "char_lm")
FONT_PIXELS, LINE_PIXELS, BORDER_PIXELS = 14, 16, 10
BACKGROUND, FOREGROUND = (24, 24, 27), (228, 228, 231)
MOST_SCREENS = 90
FRAME_MS, LAST_FRAME_MS = 125, 6000


def record(command: Sequence[str]) -> str:
    """What a command writes to a terminal of its own.

    Raises:
        RuntimeError: it did not exit with 0.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], list(command))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = b""
    while piece := _read(terminal):
        written += piece
    if status := os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    return written.decode()


def kept_recording(path: Path | None) -> str:
    """The recording in a file; a new one, kept there, if the file is missing."""
    if path is not None and path.exists():
        return path.read_bytes().decode()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WARMBOOT_STORAGE"] = f"sqlite:///{folder}/warmboot.db"
        recording = record(COMMAND)
    if path is not None:
        path.write_bytes(recording.encode())
    return recording


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # on Linux, the end of a terminal whose program has ended
        return b""


def screens(recording: str) -> list[str]:
    """What the terminal showed, at most `MOST_SCREENS` times, and at the end.

    >>> screens("a\\n\\x1b[1A\\x1b[2Kb\\n")
    ['a', 'b']
    """
    frames = terminal_frames(recording)
    every = -(-len(frames) // MOST_SCREENS)
    shown = [*frames[:-1:every], frames[-1]]
    return ["\n".join(frame.split("\n")[-ROWS:]) for frame in shown]


def picture(screen: str) -> Image.Image:
    """Draw a screen of ANSI text."""
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    font = ImageFont.truetype(fonts / "DejaVuSansMono.ttf", FONT_PIXELS)
    wide = round(font.getlength("m"))
    size = COLUMNS * wide + 2 * BORDER_PIXELS, ROWS * LINE_PIXELS + 2 * BORDER_PIXELS
    image = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(Text.from_ansi(screen).split()):
        for column, character in enumerate(line.plain):
            at = BORDER_PIXELS + column * wide, BORDER_PIXELS + row * LINE_PIXELS
            pen.text(at, character, _colour(line, column), font)
    return image


def _colour(line: Text, column: int) -> tuple[int, int, int]:
    colour, dim = FOREGROUND, False
    for span in line.spans:
        if span.start <= column < span.end and not isinstance(span.style, str):
            dim = dim or bool(span.style.dim)
            if span.style.color not in (None, Color.default()):
                red, green, blue = span.style.color.get_truecolor(THEME)
                colour = red, green, blue
    if not dim:
        return colour
    red, green, blue = ((c + b) // 2 for c, b in zip(colour, BACKGROUND, strict=True))
    return red, green, blue


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the GIF to write")
    parser.add_argument(
        "--recording", type=Path, help="keep the recording in this file, or draw the one there"
    )
    arguments = parser.parse_args()
    recording = kept_recording(arguments.recording)
    shown = screens(recording)
    first, *others = (picture(each).quantize(32, dither=Image.Dither.NONE) for each in shown)
    durations = [FRAME_MS] * len(others) + [LAST_FRAME_MS]
    first.save(arguments.out, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)
    print(f"{arguments.out}: {len(shown)} screens, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
