"""Proxies that train one run at a time in processes of their own: a user's script, or a user's function.

`script_trainer` is where to start: it takes runs and sends what happens to them, as the trainer of a
population does. `command` starts a script for each run, `function_process` hands runs to a long-lived host
of the user's function (`warmboot.function_proxies`, `warmboot.function_host`). `process_group` watches
and ends processes, all of them; `reports` reads what a run says; `reasons` are the
words for how a run can fail.
"""
