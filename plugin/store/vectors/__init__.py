"""What is needed to find spectra that are like another: shapes and embeddings of those answered."""

from plugin.store.vectors.rows import Scored, Vector, Vectors

__all__ = ["Scored", "Vector", "Vectors"]
