"""From evidence to verdict: pairs, features, fitted models and their honest evaluation."""
