"""Where trials live: the database, the lock on a study, leases on trials, and the queue they make up.

Read in this order: `database` (opening one; `sqlite` and `postgres` are the two kinds), `study_record` (a
study and its settings in it), `leases`, `trial_queue` (the one way in which a trial is asked for and told).
`patience` is why none of them has to think of a database that is away or locked; `sqlite_reading` is how one
looks at a file without a trace.
"""
