"""The commands `footfall live` and `footfall kafka`."""
