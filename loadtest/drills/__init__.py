"""Incident drills on the local cloud: votes flow, something breaks, and a drill accounts for every vote."""
