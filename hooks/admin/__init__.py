"""The console's pages for webhooks and for what was sent to them. Importing registers them."""

from hooks.admin import deliveries, webhooks

__all__ = ["deliveries", "webhooks"]
