"""What a study has found: stored by a worker, read by every command.

Start at `candidate.py` (a schedule with its values), then `kept_estimates.py` (what is expected of it over
all seeds), `lead.py` (which one is the answer) and `status.py` (a study as a watcher sees it).
"""
