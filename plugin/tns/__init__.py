"""What the TNS calls our objects: whom to ask, in which order, and the mirror."""
