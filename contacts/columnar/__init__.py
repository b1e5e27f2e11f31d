"""The columnar snapshot: how contacts are kept as columns and read from there, exact as of this moment."""
