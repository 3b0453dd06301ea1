"""The catalogue's rows, by kind of dataset."""
