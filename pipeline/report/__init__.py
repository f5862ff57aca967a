"""Records to files: JSON, CSV and the HTML page."""
