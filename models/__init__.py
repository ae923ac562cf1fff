"""The science: computes, and does nothing else. Kept free of imports so that `models.domain` never loads torch."""
