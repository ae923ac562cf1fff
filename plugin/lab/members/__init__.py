"""What the members of a bundle agree on, what their embedding knows, and which kinds of a class are lost."""
