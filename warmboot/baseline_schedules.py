"""The schedules everybody knows, as members of the family: what a searched one has to beat."""

from warmboot.curves import Polynomial
from warmboot.schedule import WarmbootSchedule


def baselines() -> dict[str, WarmbootSchedule]:
    """Each baseline by name, without an lr.

    >>> print(baselines()["linear_warmup"].describe())
    linear to 0, 5% warm-up
    """
    return {
        "constant": WarmbootSchedule(curve="constant"),
        "linear": WarmbootSchedule(curve="linear"),
        "linear_warmup": WarmbootSchedule(curve="linear", warmup=0.05),
        "cosine": WarmbootSchedule(curve="cosine"),
        "cosine_floor": WarmbootSchedule(curve="cosine", eta_min=0.1),
        "cosine_warmup": WarmbootSchedule(curve="cosine", warmup=0.05),
        "wsd": WarmbootSchedule(curve="one_minus_sqrt", hold=0.8),
        "rex": WarmbootSchedule(curve="rex"),
        "sgdr": WarmbootSchedule(curve="cosine", restarts=(1 / 3, 2 / 3)),
        "one_cycle": WarmbootSchedule(curve="cosine", warmup=0.3),
    }


def opponents() -> dict[str, WarmbootSchedule]:
    """Further schedules that a verdict tunes where it has runs for them, by name, without an lr.

    Power laws to zero of several exponents and the other ways to cool down from a constant lr, straight and
    long (Haegele et al., arXiv 2405.18392): fewer people use them, and a searched shape is often like one.

    >>> print(opponents()["wsd_long"].describe())
    1 - sqrt to 0, holding the peak for 50% of what follows warm-up
    """
    powers = {
        f"power_{power:g}": WarmbootSchedule(curve=Polynomial(power=power)) for power in (1.5, 0.7, 2.0)
    }
    return {
        "wsd_linear": WarmbootSchedule(curve="linear", hold=0.8),
        **powers,
        "wsd_long": WarmbootSchedule(curve="one_minus_sqrt", hold=0.5),
    }


standards = baselines
"""The former name."""
