"""The model: encoder, group merging, LSA and decoder on the layers of a base model, on their integer grids."""
