"""The anomaly layer of a bundle: fitting it, and the figures of it and of the conformal layer."""
