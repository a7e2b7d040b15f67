"""Torch. The one training loop, and what it is made of: examples, caches, losses, methods, optimizers, checkpoints."""
