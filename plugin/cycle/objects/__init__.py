"""NEEDLE in the service: whose alerts are followed, what is new, what NEEDLE says of it, how it is worded.

alerts of watched objects -> discover -> analyse (gather, models.needle.ObjectAnalyst) -> report + outbox -> deliver
"""
