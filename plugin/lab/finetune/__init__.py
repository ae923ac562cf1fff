"""From a marshal's own labels to a candidate bundle, and what it gained and lost."""
