"""Where calls execute: in this process, in local workers, on a cluster."""
