"""Sizing: the capacity that an event needs, its cost, and the time of its final result.

``event`` describes the event, and ``facts`` has AWS's prices and limits. ``plan`` chooses a deployment (with
``choose_stream``, ``choose_writer`` and ``doors``). ``predict`` integrates expected flows, ``simulate`` plays single
batches, and ``cost`` prices both. ``evidence`` measures a real deployment: only it and ``commands`` import boto3 or
read a clock.
"""
