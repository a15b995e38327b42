"""A found network as files (`export`) and its measured speed (`latency`)."""
