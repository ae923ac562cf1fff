"""Drafts of notes with what people made of them, and what others have announced already."""
