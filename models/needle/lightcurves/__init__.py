"""From photometry to the numbers that NEEDLE's metadata model sees."""
