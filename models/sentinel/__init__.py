"""ASTRANet-Sentinel: sixteen anomaly scores and their combination (ASTRANet paper, Sec. IV C-D and App. C)."""
