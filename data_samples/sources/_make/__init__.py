"""Makers of the samples: catalogue name -> function that writes one dataset's files into a folder."""

from . import core

MAKERS = {**core.MAKERS}
