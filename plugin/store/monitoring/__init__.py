"""What an operator wants to know: what the processes say of themselves, and counts of work, answers and posts."""
