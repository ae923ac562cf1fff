"""Whether the stream has drifted, and calibrations that were made of one's own answers."""
