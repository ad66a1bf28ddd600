"""The generators an agent can answer with."""
