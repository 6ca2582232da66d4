"""Sizing: how much capacity an event needs, what it costs, when the result is known.

``demand`` describes the event, ``deployment`` what Terraform sets, ``facts`` what AWS charges and allows.
``plan`` chooses a deployment, ``predict`` says in closed form what it does under the event, ``simulate``
plays it through step by step, ``cost`` prices either. Nothing here but ``measure`` imports boto3, and
nothing reads the environment or a clock.
"""
