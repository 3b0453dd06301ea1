"""`python -m flamingo_lib.cli` is `flamingo`: for `torchrun` and `accelerate launch`, which start modules."""

from . import main

main()
