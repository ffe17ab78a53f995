"""A study's answer as a schedule file or code, rescaled to the user's training. Start at `export.py`."""
