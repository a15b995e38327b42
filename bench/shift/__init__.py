"""Corrupted test sets: the table of corruptions and how their images are made and kept."""
