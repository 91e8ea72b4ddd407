"""Exposure auditor: which ports may each host expose, to whom, and what is really exposed."""

__version__ = "0.1.0"
