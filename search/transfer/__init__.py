"""Whether a lead at the study's horizon holds at longer ones: measured at several. Start at `transfer.py`."""
