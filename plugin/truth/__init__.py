"""What people say of the objects that we answered about, and how often we were right."""
