"""What operators run beside the services: checking the trail, changing master keys."""
