"""The function behind the HTTP API and the function URL: it turns a request into a Kinesis record.

It runs once per vote, so its CPU time, its memory and its cold start are its design. It imports the standard
library and nothing else: no boto3, no pydantic, no powertools. The core (``requests``, ``answers``, ``signing``)
is pure; ``connection`` and ``handler`` are the edge.
"""
