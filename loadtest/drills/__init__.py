"""Incident drills on the local cloud: votes flow, something breaks, and in the end every vote is accounted for."""
