"""Pretraining of the shipped base: vision tower, language model with images, and the CLIP pair."""
