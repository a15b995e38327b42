"""How fast the benchmark is, against limits of the machine and against the usual ways."""
