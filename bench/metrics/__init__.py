"""Scores of predictions: one table of metrics, one function per formula."""
