"""Several processes on one database: who lives, who leads, and how fast all of them ask together."""
