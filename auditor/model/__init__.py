"""The nouns that every stage speaks in: frozen values and set algebra, no I/O."""
