"""The population: many runs trained together in one process. Start at `population.py`."""

from search.population.population import Population
from search.runs.run import Measurement, Run

__all__ = ["Measurement", "Population", "Run"]
