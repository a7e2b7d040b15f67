"""Model files on disk: what they are, where they lie, how they get there. Light: no torch, no numpy, no Qt."""
