"""The numbers that figures show, where they take more than an average. No Matplotlib, no torch."""
