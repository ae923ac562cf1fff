"""Classification reports to the TNS: drafted for a person, and sent when that person says so."""
