"""Requests over HTTP: paced, retried, and every answer either data or one error of the tree."""
