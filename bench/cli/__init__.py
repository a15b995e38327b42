"""Options and exit codes shared by the commands."""
