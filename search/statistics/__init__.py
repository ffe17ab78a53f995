"""The statistics of the verdict: does one schedule beat one standard, by how much, and at which horizon?

Pure numbers (numpy and scipy): nothing here trains, reads a storage or imports torch. Throughout, a *gain* is
how much better the candidate is than the standard, in the objective's unit: positive is better, whichever
way the objective points. Start at `sequential.py`; `wording.py` says what was found.
"""
