"""What people do with drafts: take objects out and add some, change texts, approve; each a function of a draft."""
