"""What is said in a chat, through a web hook: alerts at once, and one digest a night."""
