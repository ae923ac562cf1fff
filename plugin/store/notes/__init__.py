"""What the service remembers of AstroNotes."""
