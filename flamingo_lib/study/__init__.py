"""The study: every claim of the method on several seeds, with an interval and a verdict."""
