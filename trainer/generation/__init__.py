"""From a prompt to pictures: noise schedules, samplers, previews, and what a picture remembers of how it was made."""
