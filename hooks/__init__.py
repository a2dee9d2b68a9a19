"""Who is told: webhooks and their deliveries. Nothing of it works yet."""
