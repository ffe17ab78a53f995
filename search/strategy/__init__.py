"""What to train next, decided from what the study has measured: the sampler named `warmboot`.

Start at `strategy.py`. It sweeps the peak lr on one shape (`lr_sweep.py`), starts every other shape at its
own peak lr (`peak_lr.py`), and learns from all runs together how the result depends on the shape and on the
peak lr (`surrogate.py`), so that neither hides the other and no single lucky run leads.
"""
