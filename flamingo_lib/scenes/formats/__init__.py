"""Writers of the datasets' official formats, one module for each family. `writers.write_scenes` calls them all."""
