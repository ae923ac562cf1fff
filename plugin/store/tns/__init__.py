"""What the TNS knows, and what we report to it."""
