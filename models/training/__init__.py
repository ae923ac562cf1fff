"""Training and evaluation of the models. Offline only: the service never imports this."""
