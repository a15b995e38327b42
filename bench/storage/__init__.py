"""Files written whole or not at all, and arrays kept under a key."""
