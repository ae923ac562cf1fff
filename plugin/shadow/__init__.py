"""What another bundle would say, beside the live one; and what the live one would say today of an earlier night."""
