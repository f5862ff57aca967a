"""Evidence for a claim: BM25 and state distance, fused."""
