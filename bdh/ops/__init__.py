"""The equations of BDH alone: pure functions of tensors. ``naive`` defines what is correct."""
