"""Torch. One file per model family; checkpoints, LoRA and embeddings in and out of their file formats."""
