"""Sends the reports of trainings to experiment trackers; never slows or breaks a training.

Start at `sending.py`; a tracker is a file, and its line in `trackers.py`.
"""
