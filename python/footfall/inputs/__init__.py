"""What comes in: options, tables of other libraries, values and time zones."""
