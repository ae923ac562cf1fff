"""IRIS: from a marshal or from files to a training set (ASTRANet paper, Sec. III)."""
