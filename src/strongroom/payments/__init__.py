"""The AI solutions built on the platform. The platform never imports this room."""
