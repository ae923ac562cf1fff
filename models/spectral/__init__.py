"""The ASTRANet classifier: from a spectrum to class probabilities and an embedding."""
