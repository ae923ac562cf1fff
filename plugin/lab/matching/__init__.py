"""Matching: the bank of a bundle is made and measured."""
