"""A study's leader against the strongest standard, on seeds that neither has seen. Start at `contest.py`."""
