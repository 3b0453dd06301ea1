"""Training any image-text-to-text model of Transformers as a rewriter: data, labels, and the run."""
