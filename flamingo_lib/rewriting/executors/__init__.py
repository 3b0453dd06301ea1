"""What runs a rewriting job: processes of this machine, or Ray."""
