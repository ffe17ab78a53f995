"""Training runs, whatever the proxy: a population in this process, or scripts beside it.

Start at `trainers.py`, which picks the one for a study; `batch.py` trains a given list of runs to its end.
"""
