"""What can be done on platforms: one pure file a platform, its calls and the meaning of its answers."""
