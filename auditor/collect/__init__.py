"""Evidence from the world, one room a kind; every collector hands over the same observations."""
