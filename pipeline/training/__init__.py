"""Examples that teach a verifier to compare a claim with its evidence, made from any novels, and the training."""
