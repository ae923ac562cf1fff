"""The service: decides what happens and when; the only package that reads environment, clock, disk, database."""
