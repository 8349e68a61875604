"""The anonymiser: keyed pseudonyms in the place of people, by a policy of fields."""
