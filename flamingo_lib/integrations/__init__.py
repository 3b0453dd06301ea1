"""Integrations: this library's models inside other people's evaluation harnesses."""
