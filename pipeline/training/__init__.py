"""Examples that teach a reader to compare a claim with its evidence, made from any novels."""
