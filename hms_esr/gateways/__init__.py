"""The process around the gateway: its supervisor, its workers, and what they tell each other."""
