"""How many of each pet are left."""
STOCK = {"dog": 3, "cat": 5}
