"""Makers of the samples: catalogue name -> function that writes one dataset's files into a folder."""

from . import captions, classification, core, instructions, questions

MAKERS = {**core.MAKERS, **captions.MAKERS, **questions.MAKERS, **classification.MAKERS, **instructions.MAKERS}
