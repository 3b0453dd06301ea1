"""A campaign of faults: commands killed, starved of disk, doubled, under odd clocks and environments."""
