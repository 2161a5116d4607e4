"""Floor 3: weights of other programs. Safe readers, and maps between their names and ours.

Foreign weights are a state dict: a flat mapping from dotted names to NumPy arrays in the
foreign layout. A map, given by the family whose network it is, says for each of our leaves
which foreign entries hold it and how their axes are ordered.
"""
