"""What is needed to find spectra that are like another: shapes and embeddings of those answered."""

from plugin.store.vectors.rows import Vector, Vectors

__all__ = ["Vector", "Vectors"]
