"""A search space: a document with holes, how it is read, named and sampled."""
