"""Notes: what was announced, the drafts with what people made of them, and what others have announced already."""
