"""How segments grow from day to day."""
