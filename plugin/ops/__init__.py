"""Running the service: schedule, checks, logs, and what the terminal shows."""
