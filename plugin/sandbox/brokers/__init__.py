"""The stand-in for alert brokers, and the alerts it knows."""
