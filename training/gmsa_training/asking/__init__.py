"""Questions on prose that a trained model makes, for further training."""
