"""Pictures and captions on disk: what is there, what training will see of it, and what is wrong with it. No torch."""
