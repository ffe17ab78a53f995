"""The export for optax, trained with its real optimizers under jit and scan, in float64 and float32."""

from typing import Any

import numpy as np
import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import BASE_LR, SCHEDULES, STEPS, expected_lrs
from warmboot.baseline_schedules import baselines
from warmboot.curves import Polynomial
from warmboot.errors import ScheduleError
from warmboot.exporters import to_optax
from warmboot.schedule import WarmbootSchedule

LONG = 20_011
LONG_SCHEDULES = {
    **{f"standard {name}": made for name, made in baselines().items()},
    **{f"long {name}": made for name, made in SCHEDULES.items() if name != "registered"},
    "high power": WarmbootSchedule(curve=Polynomial(power=100)),
    "one step each": WarmbootSchedule(warmup_steps=1, restarts=[2.2 / LONG, 3.2 / LONG], curve="linear"),
}

# sgd on a gradient of 1 takes the lr off the weight at each step: the update is the lr
DRIVER = f"""
import importlib, json, sys
import jax, jax.numpy as jnp, optax

steps, base_lr, modules = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
short = {len(SCHEDULES)}

def train(schedule):
    optimizer = optax.sgd(schedule)
    weight = jnp.zeros(())

    def step(state, _):
        update, state = optimizer.update(jnp.ones(()), state)
        return state, -update

    state, scanned = jax.lax.scan(step, optimizer.init(weight), length=steps)
    state, stepped, jitted = optimizer.init(weight), [], jax.jit(lambda state: step(state, None))
    for _ in range(steps):
        state, lr = jitted(state)
        stepped.append(lr.item())
    return stepped, scanned.tolist()

def resumed(module):
    weight, refused, lrs = jnp.zeros(()), [], []
    optimizer = optax.sgd(module.make_schedule(base_lr))
    state = optimizer.init(weight)
    for _ in range(9):
        _, state = optimizer.update(jnp.ones(()), state)
    longer = optax.sgd(module.make_schedule(base_lr, 36))
    for _ in range(27):
        update, state = longer.update(jnp.ones(()), state)
        lrs.append(-update.item())
    for unknown in (-1, 0, None, float("inf"), 10.5):
        try:
            module.make_schedule(base_lr, unknown)
        except ValueError as error:
            refused.append(str(error))
    return {{"longer": lrs, "refused": refused}}

def found_of(i, name):
    sys.modules.pop(name, None)  # it may keep numbers of the precision it was imported in
    module = importlib.import_module(name)
    if i >= short:
        counts = jnp.arange({LONG})
        return {{"lrs": jax.jit(module.make_schedule(1.0, {LONG}))(counts).tolist()}}
    schedule = module.make_schedule(base_lr)
    stepped, scanned = train(schedule)
    past = [schedule(steps + 5).item(), jax.vmap(schedule)(jnp.array([steps + 5]))[0].item()]
    found = {{"lrs": stepped, "scanned": scanned, "past": past, "first": schedule(0).item()}}
    return found | (resumed(module) if i == 0 else {{}})

found = [{{}} for _ in modules]
for precision, wide in (("float32", False), ("float64", True)):
    jax.config.update("jax_enable_x64", wide)
    for i, name in enumerate(modules):
        found[i][precision] = found_of(i, name)
print(json.dumps(found))
"""

Found = dict[str, dict[str, Any]]
"""By schedule."""


@pytest.fixture(scope="module")
def in_both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    export_runs.skip_without("optax")
    files = {name: to_optax(made, total_steps=STEPS) for name, made in SCHEDULES.items()}
    files |= {name: to_optax(made) for name, made in LONG_SCHEDULES.items()}
    ran = export_runs.run_driver(DRIVER, tmp_path_factory.mktemp("optax"), files, JAX_PLATFORMS="cpu")
    return {bits: {name: row[bits] for name, row in ran.items()} for bits in ("float32", "float64")}


@pytest.fixture(scope="module")
def found(in_both: dict[str, Found]) -> Found:
    return in_both["float64"]


@pytest.fixture(scope="module")
def found_in_float32(in_both: dict[str, Found]) -> Found:
    return in_both["float32"]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("training", ["lrs", "scanned"])
def test_optax_trains_as_the_schedule_says(training: str, name: str, found: dict[str, Any]) -> None:
    assert found[name][training] == expected_lrs(name)


@pytest.mark.parametrize("name", SCHEDULES)
def test_past_the_end_the_last_lr_stays(name: str, found: dict[str, Any]) -> None:
    assert found[name]["past"] == pytest.approx([found[name]["lrs"][-1]] * 2, rel=1e-12, abs=0)
    assert found[name]["first"] == pytest.approx(found[name]["lrs"][0], rel=1e-12, abs=0)


@pytest.mark.parametrize("name", LONG_SCHEDULES)
def test_a_long_horizon_is_as_exact(name: str, found: dict[str, Any]) -> None:
    # the absolute part is for `factors()`, which rounds 1 - x where x is nearly 1
    np.testing.assert_allclose(found[name]["lrs"], LONG_SCHEDULES[name].factors(LONG), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", [*SCHEDULES, *LONG_SCHEDULES])
def test_float32_is_within_a_millionth_of_the_peak(name: str, found_in_float32: dict[str, Any]) -> None:
    if name in SCHEDULES:
        expected = BASE_LR * SCHEDULES[name].factors(STEPS)
    else:
        expected = LONG_SCHEDULES[name].factors(LONG)
    lrs = found_in_float32[name]["lrs"]
    assert lrs == np.array(lrs, dtype=np.float32).tolist(), "float32, as the docstring says"
    np.testing.assert_allclose(lrs, expected, rtol=0, atol=1e-4 if name == "high power" else 1e-6)


def test_a_registered_curve_becomes_a_table_which_says_so() -> None:
    text = to_optax(SCHEDULES["registered"], total_steps=STEPS)
    assert "is a function of its author's, which this file cannot hold" in text
    with pytest.raises(ScheduleError, match="becomes a table, which needs a horizon"):
        to_optax(SCHEDULES["registered"])


def test_a_horizon_that_nobody_knows_is_refused(found: dict[str, Any]) -> None:
    assert len(found["restarts"]["refused"]) == 5
    for message in found["restarts"]["refused"]:
        assert "must be a whole number of 1 or more: give the number of updates" in message


def test_a_training_made_longer_goes_on_at_its_count_on_the_new_horizon(found: dict[str, Any]) -> None:
    longer = (BASE_LR * SCHEDULES["restarts"].factors(36)).tolist()
    assert found["restarts"]["longer"] == pytest.approx(longer[9:], rel=1e-12, abs=0)


def test_a_horizon_without_room_is_refused() -> None:
    with pytest.raises(ScheduleError, match="every cycle needs at least one step"):
        to_optax(WarmbootSchedule(restarts=[0.5, 0.51]), total_steps=10)


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("optax")
    from warmboot.exporters import optax_schedule

    assert f"Tested with optax {export_runs.tested_with('optax')}" in str(optax_schedule.__doc__)
