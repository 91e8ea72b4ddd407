"""Evidence that other scanners wrote down."""
