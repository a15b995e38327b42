"""From a plan to a record: configurations, one run, sweeps of runs."""
