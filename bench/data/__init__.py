"""Datasets: three checked splits of uint8 images with targets."""
