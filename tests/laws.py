"""How many examples hypothesis shows to each law: few and always the same in the suite, very many on request.

`HYPOTHESIS_PROFILE=long` is the request; it draws other examples each time and keeps what failed in
`.hypothesis/`, which the next long run tries first.
"""

import os

from hypothesis import settings

SUITE, LONG = "suite", "long"

# No deadline: a busy machine is no mistake in a law.
settings.register_profile(SUITE, max_examples=50, deadline=None, derandomize=True, database=None)
settings.register_profile(LONG, max_examples=20_000, deadline=None, print_blob=True)


def load_profile() -> None:
    """Take the profile that `HYPOTHESIS_PROFILE` names; without it, the suite's."""
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or SUITE)


def few(n_examples: int) -> settings:
    """For a law whose examples are dear: `n_examples` in the suite, in the long run as many as any."""
    if settings.get_current_profile_name() == LONG:
        return settings()
    return settings(max_examples=n_examples)
