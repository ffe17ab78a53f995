"""Launching a study on this machine: check, create or resume, start workers, watch, sum up."""
