"""Captions for pictures: one file for each captioner, and the job that runs them over a folder."""
