"""The report: records in, one HTML file out. It reads records, never networks.

`build` joins the parts; each other module makes one part of what the page shows; `page/` has its
HTML, styles and scripts. This file imports nothing, so that `python -m bench.report -h` is instant.
"""
