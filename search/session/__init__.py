"""The Python way in beside the command line, for notebooks and scripts.

Start at `study.py`; `warmboot.launch` and `warmboot.open_study` are `launching.py`.
"""

import warnings

with warnings.catch_warnings():
    # Optuna brings tqdm, which complains in a notebook that widgets are missing; nothing here shows any.
    warnings.filterwarnings("ignore", message="IProgress not found")
    import optuna as optuna
