"""Compose files as compose itself reads them: several files merged, variables filled in, one evidence a file named."""
