"""Answers for files, without a marshal."""
