"""Who draws events from a session: by rule offline, by a small summariser, or by a hosted model."""
