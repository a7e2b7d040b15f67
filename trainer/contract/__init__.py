"""What crosses between the window, the command line and the engine: jobs, events, fields, job files, errors."""
