"""Study files with something wrong, for `bad_input.py`: name -> what is changed in a good one, what is to be
told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

STUDY = """name = "mine"
proxy = "char_lm_mlp"
total_steps = 40
n_trials = 4
seed = 3

[space]
lr = { low = 1e-2, high = 1.0, log = true }
warmup = { low = 0.0, high = 0.2 }
n_restarts = { low = 0, high = 1 }
step_scale = { low = 0.5, high = 1.0 }
eta_min = { low = 0.0, high = 0.1 }
curve = ["cosine", "linear"]
"""
_LR = "lr = { low = 1e-2, high = 1.0, log = true }"
_END = 'curve = ["cosine", "linear"]\n'


def _instead(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return change


def _lr(new: str) -> Callable[[str], str]:
    return _instead(_LR, f"lr = {new}")


def _with(more: str) -> Callable[[str], str]:
    return _instead(_END, f"{_END}{more}\n")


CHANGES: Mapping[str, tuple[Callable[[str], str], str]] = {
    # the study
    "no name": (_instead('name = "mine"\n', ""), "name: missing"),
    "an empty name": (_instead('"mine"', '""'), "name"),
    "a name of 600 characters": (_instead('"mine"', f'"{"m" * 600}"'), "name"),
    "a name that is a number": (_instead('"mine"', "7"), "name: got 7"),
    "a name with a line break": (_instead('"mine"', '"a\\nb"'), "name"),
    "a name with an escape sequence": (_instead('"mine"', '"a\\u001b[2J"'), "name"),
    "no proxy": (_instead('proxy = "char_lm_mlp"\n', ""), "proxy"),
    "an unknown proxy": (_instead("char_lm_mlp", "char_lm_mpl"), "did you mean char_lm_mlp"),
    "a proxy that is a number": (_instead('"char_lm_mlp"', "3"), "proxy"),
    "a proxy that is a list": (_instead('"char_lm_mlp"', "[]"), "proxy"),
    "a proxy of two kinds": (_instead('"char_lm_mlp"', '{ name = "a", command = "b" }'), "give one of"),
    "a proxy with an unknown entry": (
        _instead('"char_lm_mlp"', '{ name = "char_lm_mlp", deep = 3 }'),
        "deep is unknown",
    ),
    "a proxy's module that is not there": (_instead('"char_lm_mlp"', '"nowhere:net"'), "nowhere"),
    "a proxy's function that is not there": (_instead('"char_lm_mlp"', '"json:net"'), "net"),
    "a proxy with an unknown argument": (
        _instead('"char_lm_mlp"', '{ name = "char_lm_mlp", arguments = { depth = 3 } }'),
        "arguments is unknown",
    ),
    "a command with an unknown placeholder": (
        _instead('"char_lm_mlp"', '{ command = "python t.py {steps}" }'),
        "steps",
    ),
    "a command that is empty": (_instead('"char_lm_mlp"', '{ command = "" }'), "command"),
    "a command that is not there": (_instead('"char_lm_mlp"', '{ command = "nopython t.py" }'), "nopython"),
    "a command with an open quote": (_instead('"char_lm_mlp"', "{ command = 'python \"t.py' }"), "command"),
    "no steps": (_instead("total_steps = 40", "total_steps = 0"), "total_steps: got 0"),
    "negative steps": (_instead("total_steps = 40", "total_steps = -5"), "total_steps: got -5"),
    "half a step": (_instead("total_steps = 40", "total_steps = 40.5"), "total_steps: got 40.5"),
    "steps in words": (_instead("total_steps = 40", 'total_steps = "many"'), "total_steps: got 'many'"),
    "steps and epochs": (_instead("total_steps = 40", "total_steps = 40\nepochs = 2"), "epochs"),
    "no horizon": (_instead("total_steps = 40\n", ""), "total_steps"),
    "0 trials": (_instead("n_trials = 4", "n_trials = 0"), "n_trials: got 0"),
    "-1 trials": (_instead("n_trials = 4", "n_trials = -1"), "n_trials: got -1"),
    "trials that are a truth value": (_instead("n_trials = 4", "n_trials = true"), "n_trials: got True"),
    "no limit": (_instead("n_trials = 4\n", ""), "n_trials"),
    "two limits": (_instead("n_trials = 4", 'n_trials = 4\nbudget = "1h"'), "budget"),
    "a budget without a unit": (_instead("n_trials = 4", 'budget = "12"'), "budget"),
    "a negative budget": (_instead("n_trials = 4", 'budget = "-1h"'), "budget"),
    "an infinite budget": (_instead("n_trials = 4", "budget = inf"), "budget"),
    "a budget of 0 s": (_instead("n_trials = 4", 'budget = "0s"'), "budget"),
    "0 runs": (_instead("n_trials = 4", "n_runs = 0"), "n_runs: got 0"),
    "a negative seed": (_instead("seed = 3", "seed = -3"), "seed: got -3"),
    "a seed that is a fraction": (_instead("seed = 3", "seed = 0.5"), "seed: got 0.5"),
    "a seed of 40 digits": (_instead("seed = 3", f"seed = {'9' * 40}"), "seed"),
    "an unknown key": (_instead("seed = 3", "sed = 3"), "sed: unknown key; did you mean seed"),
    "an unknown table": (_with("[spaces]\na = 1"), "spaces: unknown key"),
    "an objective that the proxy has not": (_instead("seed = 3", 'objective = "val_acc"'), "val_acc"),
    "an unknown direction": (_instead("seed = 3", 'direction = "down"'), "direction: got 'down'"),
    # the space
    "no space": (lambda text: text[: text.index("[space]")], "space"),
    "a space that is a number": (lambda text: text[: text.index("[space]")] + "space = 3\n", "space: got 3"),
    "an unknown parameter": (_with("warm = 0.1"), "space.warm"),
    "an lr of 0": (_lr("0.0"), "lr"),
    "a negative lr": (_lr("-0.1"), "lr"),
    "an infinite lr": (_lr("inf"), "lr"),
    "an lr that is no number": (_lr("nan"), "lr"),
    "an lr in words": (_lr('"fast"'), "lr"),
    "an lr that is a truth value": (_lr("true"), "lr"),
    "an inverted range": (_lr("{ low = 1.0, high = 0.1, log = true }"), "low"),
    "a range without an end": (_lr("{ low = 1.0, log = true }"), "high"),
    "a range with a third end": (_lr("{ low = 0.1, high = 1.0, mid = 0.5 }"), "mid"),
    "a log range from 0": (_lr("{ low = 0.0, high = 1.0, log = true }"), "low"),
    "a range to infinity": (_lr("{ low = 0.1, high = inf, log = true }"), "high"),
    "a range to nan": (_lr("{ low = 0.1, high = nan }"), "high"),
    "a start outside the range": (_lr("{ low = 0.1, high = 1.0, log = true, start = 9.0 }"), "start"),
    "a warm-up of the whole horizon": (_instead("high = 0.2", "high = 1.0"), "warmup"),
    "a negative warm-up": (_instead("warmup = { low = 0.0", "warmup = { low = -0.1"), "warmup"),
    "a floor above the peak": (_instead("eta_min = { low = 0.0, high = 0.1 }", "eta_min = 1.5"), "eta_min"),
    "a negative floor": (_instead("eta_min = { low = 0.0, high = 0.1 }", "eta_min = -0.1"), "eta_min"),
    "half a restart": (_instead("n_restarts = { low = 0, high = 1 }", "n_restarts = 0.5"), "n_restarts"),
    "-1 restarts": (_instead("n_restarts = { low = 0, high = 1 }", "n_restarts = -1"), "n_restarts"),
    "more restarts than steps": (
        _instead("n_restarts = { low = 0, high = 1 }", "n_restarts = 900"),
        "n_restarts",
    ),
    "a step scale of 0": (_instead("step_scale = { low = 0.5", "step_scale = { low = 0.0"), "step_scale"),
    "no curves": (_instead('["cosine", "linear"]', "[]"), "curve"),
    "an unknown curve": (_instead('"linear"]', '"lineer"]'), "accepted are cosine, linear"),
    "a curve twice": (_instead('["cosine", "linear"]', '["cosine", "cosine"]'), "curve"),
    "a curve that is a number": (_instead('["cosine", "linear"]', "[3]"), "curve"),
    "a power without its curve": (_with("power = { low = 0.5, high = 2.0 }"), "power"),
    "a power of 0": (_instead('["cosine", "linear"]', '["polynomial"]\npower = 0.0'), "power"),
    # other tables
    "params with an lr": (_with("[params]\nlr = [0.1, 0.2]"), "params"),
    "params without choices": (_with("[params]\ndepth = []"), "params.depth"),
    "params with an inverted range": (_with("[params]\nwd = { low = 1.0, high = 0.1 }"), "wd"),
    "params that the proxy has not": (_with("[params]\nwidth = [1, 2]"), "width"),
    "params with a text for a number": (_with('[params]\nmomentum = ["a", "b"]'), "momentum"),
    "momentum of 1": (_with("[params]\nmomentum = { low = 0.5, high = 1.0 }"), "momentum"),
    "an unknown sampler": (_with('[sampler]\nname = "tpee"'), "sampler"),
    "a sampler that unpickles": (_with('[sampler]\nname = "cmaes"'), "sampler"),
    "a sampler with an unknown argument": (_with('[sampler]\nname = "tpe"\ndeep = 3'), "deep"),
    "an unknown pruner": (_with('[early_stopping]\nname = "medium"'), "early_stopping"),
    "a percentile of 200": (_with('[early_stopping]\nname = "percentile"\npercentile = 200.0'), "percentile"),
    "0 slots": (_with("[population]\nslots = 0"), "slots"),
    "slots in words": (_with('[population]\nslots = "all"'), "slots"),
    "a negative delay": (_with("[population]\ndelay = -1"), "delay"),
    "-1 leaders": (_with("[confirmation]\nleaders = -1"), "leaders"),
    "0 seeds": (_with("[confirmation]\nseeds = 0"), "seeds"),
    "7 pairs": (_with("[verdict]\npairs = 7"), "pairs"),
    "a margin of 0": (_with("[verdict]\nmargin = 0.0"), "margin"),
    "a baseline with an lr": (_with("[verdict.baselines]\nmine = { lr = 0.1 }"), "lr: leave it out"),
    "a baseline with a range": (
        _with("[verdict.baselines]\nmine = { warmup = { low = 0.0, high = 0.1 } }"),
        "give a number",
    ),
    "an unknown tracker": (_with('[report]\nto = ["tensorbord"]'), "tensorboard"),
    "seven problems at once": (
        lambda text: text.replace("40", "0").replace("= 4", "= 0").replace("seed = 3", "sed = 3"),
        "has 3 problems",
    ),
}
FILES: Mapping[str, tuple[str | bytes, str]] = {
    "an empty file": ("", "is empty"),
    "comments alone": ("# nothing\n", "is empty"),
    "not UTF-8": (b'name = "\xff\xfe"\n', "UTF-8"),
    "UTF-16": ('name = "a"\n'.encode("utf-16"), "UTF"),
    "zeros": (b"\x00" * 64, "not valid TOML"),
    "2 MB": ("# much\n" * 300_000, "larger than"),
    "no TOML": ("name: mine\n", "not valid TOML"),
    "JSON": ('{"name": "mine"}', "not valid TOML"),
    "a repeated key": ('name = "a"\nname = "b"\n', "not valid TOML"),
    "a repeated table": ("[space]\nlr = 1.0\n[space]\nlr = 2.0\n", "not valid TOML"),
    "an open quote": ('name = "mine\n', "not valid TOML"),
    "an open list": ("curve = [\n", "not valid TOML"),
    "nested 5,000 deep": ("a = " + "[" * 5000 + "]" * 5000 + "\n", "nested too deeply"),
    "a number of 5,000 digits": (f"n_trials = {'9' * 5000}\n", "not valid TOML"),
    "only a name": ('name = "mine"\n', "proxy"),
}
