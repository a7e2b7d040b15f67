"""Pictures of other programs: the texts in their files, and what each program's texts say of how they were made."""
