"""What is kept of people and clients, and how it goes: data policies, erasure, access, leaving."""
