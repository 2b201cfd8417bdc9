// Data sets.
