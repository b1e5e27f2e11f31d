"""Save what somebody wants a segment to be, and keep what it was before."""
