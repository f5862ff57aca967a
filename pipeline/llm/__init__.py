"""Groq: the client, its protocol, the tasks it can do, and the fallback when it fails."""
