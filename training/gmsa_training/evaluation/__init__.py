"""Measuring: runtimes, questions, restoration, long contexts, baselines, results."""
