"""The spectra of a cycle: what is new, what it is, and what is said about it."""
