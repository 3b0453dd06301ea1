"""Released checkpoints: weights matched by name and loaded with a report."""

from .loading import LoadReport, load_clever_flamingo, load_openflamingo, load_plain_lora, load_polite_flamingo

__all__ = ["LoadReport", "load_clever_flamingo", "load_openflamingo", "load_plain_lora", "load_polite_flamingo"]
