"""Which of the sources around an alert is the host, measured on objects whose host is known."""
