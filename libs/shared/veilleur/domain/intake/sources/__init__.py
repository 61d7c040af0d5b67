"""One file a platform: how its webhooks are verified and read."""
