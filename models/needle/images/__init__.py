"""From alert stamps to the two images that NEEDLE's networks see."""
