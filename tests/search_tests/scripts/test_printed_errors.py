"""What a failed training printed, as it really looks, and the error in it."""

from __future__ import annotations

import pytest

from search.scripts.printed_errors import error_line, printed_error

TRACE = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    f()\n    ~^^\n'
TORCHRUN = """\
E1127 16:02:52.000000 1 torch/distributed/elastic/multiprocessing/api.py:984] failed (exitcode: 1)
Traceback (most recent call last):
  File "/venv/bin/torchrun", line 8, in <module>
    sys.exit(main())
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
fails.py FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-27_16:02:52
  exitcode  : {code} (pid: 1)
  error_file: <N/A>
  traceback : {why}
============================================================
"""
SEE = "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"

OUTPUTS = [
    # what is special, what was printed, the error
    (
        "a hint after it",
        f"step 1\n{TRACE}KeyError: 'resnet51'\nSet X_FULL_ERROR=1 for all of it.",
        "KeyError: 'resnet51'",
    ),
    ("a launcher's ruler", f"{TRACE}KeyError: 'x'\n{TORCHRUN.format(code=1, why=SEE)}", "KeyError: 'x'"),
    (
        "two ranks at once, the second suffering from the first",
        "[rank1]: Traceback (most recent call last):\n[rank0]: Traceback (most recent call last):\n"
        '[rank1]:   File "a.py"\n[rank0]:   File "a.py", line 2\n[rank0]: RuntimeError: reset by peer\n'
        f"[rank1]: ValueError: no data\n{TORCHRUN.format(code=1, why=SEE)}",
        "ValueError: no data",
    ),
    (
        "a rank that was killed",
        TORCHRUN.format(code=-9, why="Signal 9 (SIGKILL) received by PID 1"),
        "a process of it was ended: Signal 9 (SIGKILL)",
    ),
    (
        "raised while another was handled",
        f"{TRACE}KeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n"
        f"{TRACE}RuntimeError: no config\n",
        "RuntimeError: no config",
    ),
    (
        "from a worker of a DataLoader",
        f"{TRACE}RuntimeError: Caught IndexError in DataLoader worker process 0.\nOriginal {TRACE}"
        "IndexError: list index out of range\n\n",
        "IndexError: list index out of range",
    ),
    (
        "one that Python ignores, before",
        f"Exception ignored in: <function f at 0x7f>\n{TRACE}TypeError: no\nstep 2\n{TRACE}ValueError: yes\n",
        "ValueError: yes",
    ),
    (
        "a message of several lines",
        f"{TRACE}RuntimeError: Error(s) in loading:\n\tMissing key: w\n\tAnd b\n",
        None,
    ),
    ("a launcher's alone", f"{TRACE}subprocess.CalledProcessError: returned 2\n", None),
    ("no traceback: argparse", "usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --x\n", None),
    (
        "no traceback, a hint after it",
        "srun: launch\nfatal error: no space left\nbye\n=====\n",
        "fatal error: no space left",
    ),
    ("nothing that names an error", "step 1\nout of coffee\n-----\n", "out of coffee"),
    ("torn off", "step 1\nTraceback (most recent call last):\n  File", "File"),
]
EXPECTED = {
    "a message of several lines": "RuntimeError: Error(s) in loading: Missing key: w",
    "a launcher's alone": "subprocess.CalledProcessError: returned 2",
    "no traceback: argparse": "train.py: error: unrecognized arguments: --x",
}


@pytest.mark.parametrize(("what", "output", "line"), OUTPUTS)
def test_the_error_is_found_whatever_is_printed_around_it(what: str, output: str, line: str | None) -> None:
    found = printed_error(output)
    assert found is not None
    assert found.line == (line or EXPECTED[what])


def test_all_of_a_chain_is_kept() -> None:
    chained = (
        f"{TRACE}KeyError: 'x'\n\nThe above exception was the direct cause of the following exception:\n\n"
    )
    found = printed_error(f"step 1\n{chained}{TRACE}RuntimeError: no config\nbye\n")
    assert found is not None
    assert found.text == f"{chained}{TRACE}RuntimeError: no config"


@pytest.mark.parametrize("output", ["", "\n", "=====\n-----\n"])
def test_where_nothing_was_said_there_is_no_error(output: str) -> None:
    assert printed_error(output) is None


def test_the_line_of_a_traceback_is_its_error_and_not_the_end_of_a_long_message() -> None:
    try:
        raise ValueError("two lines\nof it")
    except ValueError:
        import traceback

        assert error_line(traceback.format_exc()) == "ValueError: two lines"
