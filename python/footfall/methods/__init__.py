"""The methods of a data set, in a file for each kind; `footfall.Dataset` has them all."""
