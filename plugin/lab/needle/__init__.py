"""NEEDLE's models: data, training, figures, studies and contact sheets."""
