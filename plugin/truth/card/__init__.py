"""The report card: how often we were right, where people have said what an object is."""
