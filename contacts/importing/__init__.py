"""Files of people: read, matched with properties, checked, written, and kept track of."""
