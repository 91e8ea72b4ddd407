"""Infrastructure as code: what plans, templates and the clouds' own listings of firewall rules will let in."""
