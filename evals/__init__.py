"""How good it is: LoCoMo and friends."""
