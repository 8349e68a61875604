"""The small lake of logs that ships with the product, and the generator that made it."""
