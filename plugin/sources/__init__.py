"""The connections to a marshal that the settings describe."""
