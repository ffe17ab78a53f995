"""What is asked for: a study file, table by table, and the study it stands for. Start at `study.py`."""
