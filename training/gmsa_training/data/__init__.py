"""Texts as samples and batches: what training and evaluation read."""
