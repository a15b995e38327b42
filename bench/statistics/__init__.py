"""What the records say once chance is taken into account: over seeds and over test examples.

One file a question; all read `bench.frames.Frames` and return tables. `docs/statistics.md` says
what each number means and what it can not tell. No torch.
"""
