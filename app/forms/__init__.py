"""Forms made from the job types: one editor for each kind of value, named and explained by the fields themselves."""
