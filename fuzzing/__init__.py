"""Coverage-guided fuzzing of everything that reads what others wrote. ``fuzzing/run --help`` says how to use it."""
