"""A study as one HTML page that needs nothing else. Start at `page.py`."""
