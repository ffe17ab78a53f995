"""The schedules everybody knows, as members of the family: what a searched one has to beat."""

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


standards = baselines
"""The former name."""
