"""What people ask about a rule beside who is in it: why, how many at each line, what a save would change."""
