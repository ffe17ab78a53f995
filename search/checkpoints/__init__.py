"""What outlives a process that trains: a folder for each run of a study, found again when the run is.

Start at `study_folder.py`, which has the runs of one study; `script_files.py` is what a script gets of it,
`generations.py` how a state is kept so that a torn or changed file is noticed.
"""
