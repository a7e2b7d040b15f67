"""The command line: verbs to jobs, events to lines. `entry.main` is the way in; light verbs load no torch."""
