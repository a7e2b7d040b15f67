"""The engine: a job executed, in this process or in one of its own. `client`, `protocol` and `runs` load no torch."""
