"""Brings the tools this project needs: uv, Python 3.13, the virtual environments, Terraform.

It is what a fresh clone starts with, so it runs on any Python from 3.8 on and imports nothing
but the standard library. Everything it brings is locked by a checksum and lands in folders that
git ignores; nothing outside the project is touched.

`make` calls it as `python3 -m scripts.bootstrap <what>`, in the root of the project.
"""
