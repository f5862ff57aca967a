"""The neuro variant: Definition 4 of the paper, token by token, with biological extensions, each switchable."""
