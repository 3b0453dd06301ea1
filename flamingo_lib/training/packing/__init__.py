"""Packing of examples into training windows: tokens, strategies, plan, dataset, report and plot."""
