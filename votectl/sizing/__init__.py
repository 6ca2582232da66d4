"""Sizing: how much capacity an event needs, what it costs, when the result is known.

``demand`` describes the event, ``deployment`` what Terraform sets, ``facts`` what AWS charges and allows.
``plan`` chooses a deployment, ``predict`` says in closed form what it does under the event, ``simulate``
plays it through step by step, ``cost`` prices what either uses (``usage``, ``reading``). ``measure`` and
``rehearsal`` ask a deployment instead: nothing else here but the commands imports boto3, and nothing else
reads a clock.
"""
