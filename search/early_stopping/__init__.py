"""Ending trials early: by this package's rule at rungs (`rung_rule.py`), or by one of Optuna's pruners."""
