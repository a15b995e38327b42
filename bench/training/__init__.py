"""Fit a network and predict with it."""
