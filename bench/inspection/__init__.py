"""Looking at records: lists, one run, failures, and what differs between two of them."""
