"""The equations of BDH as pure functions of tensors. ``naive`` is the definition that the others are tested against."""
