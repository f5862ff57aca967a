"""A claim and its evidence to a verdict: the verifier, lexical features, fitted models, other judges, checks."""
