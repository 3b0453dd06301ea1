"""Rewriter backends: our Flamingo, any image-text-to-text model of Transformers, any OpenAI-compatible server."""
