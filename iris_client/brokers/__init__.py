"""Alerts with their light curves and stamps, from brokers, from Kafka, and from files."""
