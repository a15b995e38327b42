"""Commands on records: `python -m bench.records`."""

from bench.records.merge import main

if __name__ == "__main__":
    raise SystemExit(main())
