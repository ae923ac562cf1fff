"""The Analysis button: where the marshal asks for an analysis."""
