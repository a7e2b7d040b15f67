"""The window. PySide6, and never torch: the work happens in the engine process (trainer.engine.client)."""
