"""What a container engine says it publishes: ``docker ps``, ``docker inspect``, the API; Podman's likewise."""
