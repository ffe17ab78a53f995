"""A worker process: one thread trains, another one talks to the database.

The whole loop of a trial, which `storage_thread.StorageLoop` runs for each of its slots:

    trials = queue.take(n)          # trials that wait, under the study's lock: begun, leased to this worker;
                                    # else `planner` plans a round of `NextTrial`s, under a lease that one
                                    # process has at a time, each with its seed: it is written whole
    job = trial_job(queue, spec, trial)     # of each, `trial_runs`: its schedule, seed and steps as a `Run`
    ready.put(job.run)              # -> the training thread: `PopulationTrainer` (a slot of the population)
                                    #    or `ScriptTrainer` (a process of the user's own)
    while True:
        event = events.get()        # <- `Admitted`, a `Measurement`, `Cancelled` or `TrainingFailed`
        follows = job.measured(event)       # scored, reported to Optuna, shown to the stopper
        if follows:                 # the run of the next rung, or `Cancel`
            ready.put(follows)
        elif event.last:            # the job has told Optuna: complete, or pruned with a reason
            break

Then the next round is planned while these train (`queue.plan_ahead`), as soon as all that it must know is in.
`process` starts both threads. The storage thread alone touches Optuna and the database, so that training
never waits for either; it asks for runs ahead and renews the leases of those that are out. When no trial is
left to anybody, one worker confirms the leaders (`jobs.ConfirmationJob`) and works out the answer
(`search.results`).
"""
