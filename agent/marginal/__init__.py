"""One answer out of several documents: RAG-Sequence, RAG-Token and Re2G, their losses and their decoding."""
