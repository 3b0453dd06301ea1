"""PF-1M: its records, the job that builds it from sources, and its export."""
