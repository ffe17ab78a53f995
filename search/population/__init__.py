"""The population: many runs trained together in one process. Start at `population.py`."""

from search.population.population import Population
from search.population.run import Measurement, Run

__all__ = ["Measurement", "Population", "Run"]
