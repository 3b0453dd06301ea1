"""Pieces in C for processors with vectors of 256 bits, there if a C compiler was at installation, where PyTorch's own
take longer.
"""
