"""Planning a study: what it will cost here, before it is launched. Start at `plan.py`."""
