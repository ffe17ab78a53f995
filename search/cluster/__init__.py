"""Workers on more machines than this one: as actors of Ray, or as a job of SLURM."""
