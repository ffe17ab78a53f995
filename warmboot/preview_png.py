"""A `View` as a picture, PNG, for those who have matplotlib; written whole or not at all."""

import io
import os

from warmboot.preview import View
from warmboot.whole_file import write_whole


def write_png(view: View, path: str | os.PathLike[str]) -> None:
    """Draw the values over steps, with the points that matter, into the file at `path`.

    On any failure what was there stays as it was. No window is opened and no state of matplotlib's
    is changed.

    Raises:
        ImportError: if matplotlib is missing; it comes with the `search` extra.
        OSError: if the file can't be written; see `write_whole`.
    """
    write_whole(path, _picture(view))


def _picture(view: View) -> bytes:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a PNG needs matplotlib, which is not installed: pip install matplotlib") from error
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(view.values, drawstyle="steps-mid" if len(view.values) < 200 else "default")
    axes.plot([point.step for point in view.points], [point.value for point in view.points], "o", ms=4)
    axes.set_xlabel("step")
    axes.set_ylabel(view.unit)
    axes.set_ylim(bottom=0.0)
    axes.set_title(view.title, fontsize=9, wrap=True, parse_math=False)
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png")
    return stream.getvalue()
