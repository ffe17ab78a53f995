"""The leader of a study against the strongest baseline, on fresh seeds for both. Start at `comparison.py`."""
