"""The engine, and everything about models, pictures and jobs. Never imports Qt."""
