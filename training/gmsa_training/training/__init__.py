"""Training: objectives, optimisation, runs."""
