"""A worker process: one thread trains, another keeps the books.

`process` starts both. `training` is the main thread: it holds the population and knows nothing of Optuna.
`bookkeeper` is the storage thread, the only one that touches Optuna: it asks for the next runs while the
present ones train, and tells results. `jobs` are what it has out: trials, and the runs of a confirmation.
"""
