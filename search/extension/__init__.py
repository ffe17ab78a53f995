"""`warmboot extend`: a finished run goes on to a longer horizon, from its last checkpoint.

`source.py` finds where to go on from, `extension.py` trains and keeps what comes of it.
"""
