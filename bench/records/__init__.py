"""What is on disk, typed: the store of runs and everything that views read from it."""
