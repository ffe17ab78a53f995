"""A run: asked for (`run.py`), seeded, told of while it trains (`events.py`), scored. Below every trainer."""
