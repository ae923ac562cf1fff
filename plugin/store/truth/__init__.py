"""What people say that our objects are, beside our answers; and what vetters say of alerts."""
