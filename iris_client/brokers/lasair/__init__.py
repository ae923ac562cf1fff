"""Lasair: objects of a filter or topic, what is known of each, and answers back as annotations.

Written after its public client (`lasair` on PyPI) and its documentation, for Lasair-ZTF and Lasair-LSST.
"""
