"""The web server: pages for people, health and metrics for machines, and the analyses that a marshal asks for."""
