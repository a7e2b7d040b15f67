"""What is trained and what file comes out: one file per method. Methods know no model family by name."""
