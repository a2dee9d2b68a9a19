"""The only receivers: what must also happen when a row goes by a cascade or an admin's bulk delete."""
