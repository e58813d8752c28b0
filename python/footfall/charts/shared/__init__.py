"""What all charts share: rows, style, theme and words of time."""
