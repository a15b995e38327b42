"""What the records say once chance is taken into account: over seeds and over test examples.

One file per question; all read `bench.records.frames.Frames` and return tables.
`docs/statistics.md` defines each number and its limits. No torch.
"""
