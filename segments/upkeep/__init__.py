"""Changes to properties, tags and people that segments must survive."""
