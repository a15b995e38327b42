"""What a command line takes and prints: names, errors, progress, exit codes."""
